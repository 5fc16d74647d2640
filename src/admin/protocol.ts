/** One JSON object on a line. The gateway sends zero or more pieces of a list, each on a line, then one answer. */
export interface AdminRequest {
  readonly command: string
  /** Names to list; all if it is missing. */
  readonly names?: readonly string[]
}

export type AdminAnswer = { readonly result: unknown } | { readonly error: string }
export type AdminPiece = { readonly items: readonly unknown[] }
