/** A message in `Rows`; 0 is none. After a row was removed, the same number can become another message. */
export type Row = number

/** A field of rows. */
export interface RowField<T extends number> {
  get(row: Row): T
  set(row: Row, value: T): void
}
