/** The bytes that `text` says, or null where it is not base64 with its padding (RFC 4648 §4), and nothing else. */
export function fromBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64')
  // Node passes over what is not base64
  return bytes.toString('base64') === text ? bytes : null
}
