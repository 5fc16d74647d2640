/** The bytes of a text that is base64 with its padding, and nothing else; null for any other. */
export function fromBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64')
  // Node passes over what is not base64
  return bytes.length > 0 && bytes.toString('base64') === text ? bytes : null
}
