// An ACL file is bytes and stays bytes: what is compared is what the broker would compare.
export const LF = 0x0a
export const SPACE = 0x20
export const HASH = 0x23
export const DOLLAR = 0x24
export const PERCENT = 0x25
export const PLUS = 0x2b
export const SLASH = 0x2f
export const LOWER_C = 0x63
export const LOWER_U = 0x75

/** C's `isspace` in the "C" locale: TAB, LF, VT, FF, CR and space, and no Unicode blank. */
export function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || (byte !== undefined && byte >= 0x09 && byte <= 0x0d)
}
