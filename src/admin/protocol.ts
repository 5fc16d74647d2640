/** A request is one JSON object on a line, and so is its answer, after the pieces of it. */
export interface AdminRequest {
  readonly command: string
  /** Names that are asked about; missing for all. */
  readonly names?: readonly string[]
}

export type AdminAnswer = { readonly result: unknown } | { readonly error: string }
export type AdminPiece = { readonly items: readonly unknown[] }
