/** Longest content type that is put into a header. */
const MAX_LENGTH = 255

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const QUOTED = '"(?:[\\t !#-\\[\\]-~]|\\\\[\\t -~])*"'
/** RFC 9110 §8.3.1, without bytes beyond ASCII. Each blank has one place, so that no text takes long. */
const MEDIA_TYPE = new RegExp(
  `^(${TOKEN}/${TOKEN})(?:[\\t ]*;(?:[\\t ]*${TOKEN}=(?:${TOKEN}|${QUOTED}))?)*[\\t ]*$`,
)

/**
 * What a page of this origin could load as a script or a style sheet (WHATWG MIME Sniffing §4.6), so that what a device
 * publishes would get past `script-src 'self'`; and what is several answers in one, each with headers of its own, or would
 * pass for a stream of ours.
 */
const UNSAFE =
  /^(?:(?:application|text)\/(?:x-)?(?:ecmascript|javascript)|text\/(?:javascript1\.[0-5]|jscript|livescript|css|event-stream)|multipart\/.*)$/i

export const BYTES = 'application/octet-stream'

/** The content type for an answer whose body is somebody's payload: what its publisher says it is, where that is safe. */
export function answerType(contentType: string | undefined): string {
  if (contentType === undefined || contentType.length > MAX_LENGTH) return BYTES
  const [, essence] = MEDIA_TYPE.exec(contentType) ?? []
  return essence === undefined || UNSAFE.test(essence) ? BYTES : contentType
}
