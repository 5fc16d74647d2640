const BOM = Buffer.from([0xef, 0xbb, 0xbf])
const DER_SEQUENCE = 0x30
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const MARKER = /^-----(BEGIN|END) ([^-]+)-----$/

/**
 * The DER of every block with one of these labels in a PEM file; a file that is not PEM but DER is taken as it is.
 * Reads what OpenSSL reads (a byte order mark, CRLF, text and other blocks in between), and throws an Error with the
 * line number where OpenSSL would stop or skip something, so that no certificate is left out silently.
 */
export function readBlocks(file: Buffer, labels: readonly string[]): Buffer[] {
  // a SEQUENCE of more than 127 bytes; no text begins with these bytes
  if (file[0] === DER_SEQUENCE && (file[1] ?? 0) > 0x80) return [file]
  const bytes = file.subarray(0, BOM.length).equals(BOM) ? file.subarray(BOM.length) : file
  const blocks: Buffer[] = []
  let open: { readonly label: string; readonly line: number; text: string } | null = null
  for (const [index, raw] of bytes.toString('latin1').split('\n').entries()) {
    const [text, line] = [raw.trimEnd(), index + 1]
    const [, marker, label = ''] = MARKER.exec(text) ?? []
    if (marker === undefined && /-----(BEGIN|END) /.test(text))
      throw new Error(misplaced(text, line))
    if (marker === 'BEGIN') {
      if (open) throw new Error(unfinished(open))
      if (label.startsWith('TRUSTED ') && labels.includes(label.slice(8)))
        throw new Error(openSslOwn(label, line))
      open = { label, line, text: '' }
    } else if (marker === 'END') {
      if (open?.label !== label)
        throw new Error(`line ${line} ends a block "${label}" that has no BEGIN line`)
      if (labels.includes(label)) blocks.push(decode(open.text, open.line))
      open = null
    } else if (open && labels.includes(open.label)) open.text += text
  }
  if (open) throw new Error(unfinished(open))
  return blocks
}

/** Encodes DER as PEM. */
export function toPem(der: Buffer, label: string): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}

function decode(text: string, line: number): Buffer {
  if (!BASE64.test(text)) throw new Error(`the block that starts in line ${line} is not base64`)
  return Buffer.from(text, 'base64')
}

function misplaced(text: string, line: number): string {
  const joined = text.split('-----BEGIN ').length + text.split('-----END ').length > 3
  return joined
    ? `line ${line} ends one block and starts the next: put a line break between "-----END …-----" and "-----BEGIN …-----"`
    : `line ${line} has a BEGIN or END marker that is not alone on its line, so OpenSSL ignores it`
}

function unfinished({ label, line }: { label: string; line: number }): string {
  return `the block "${label}" that starts in line ${line} has no END line`
}

function openSslOwn(label: string, line: number): string {
  return `line ${line} starts a "${label}", which only OpenSSL uses: convert it with "openssl x509 -in FILE -out NEW"`
}
