/** Decodes base64 with padding (RFC 4648 §4). Null when `text` is anything else. */
export function fromBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64')
  // Node skips characters that are not base64
  return bytes.toString('base64') === text ? bytes : null
}
