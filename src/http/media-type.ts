/** The longest content type that is sent on in a header. */
const MAX_LENGTH = 255

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const QUOTED = '"(?:[\\t !#-\\[\\]-~]|\\\\[\\t -~])*"'
/** RFC 9110 §8.3.1, ASCII only. A blank matches in one place only, which prevents backtracking (ReDoS). */
const MEDIA_TYPE = new RegExp(
  `^(${TOKEN}/${TOKEN})(?:[\\t ]*;(?:[\\t ]*${TOKEN}=(?:${TOKEN}|${QUOTED}))?)*[\\t ]*$`,
)

/**
 * Types that a page of this origin could load as a script or a style sheet (WHATWG MIME Sniffing §4.6), so that a device's
 * payload would pass `script-src 'self'`; multipart types, whose parts have headers of their own; and event streams, which
 * would look like ours.
 */
const UNSAFE =
  /^(?:(?:application|text)\/(?:x-)?(?:ecmascript|javascript)|text\/(?:javascript1\.[0-5]|jscript|livescript|css|event-stream)|multipart\/.*)$/i

const BYTES = 'application/octet-stream'

/** The content type of an answer whose body is a payload: the publisher's content type, where it is safe. */
export function answerType(contentType: string | undefined): string {
  if (contentType === undefined || contentType.length > MAX_LENGTH) return BYTES
  const [, essence] = MEDIA_TYPE.exec(contentType) ?? []
  return essence === undefined || UNSAFE.test(essence) ? BYTES : contentType
}
