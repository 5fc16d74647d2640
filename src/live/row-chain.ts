import type { Row, RowField } from './row.ts'

/** Rows in the order in which they were added. A row can be in one chain at a time. */
export interface RowChain {
  /** 0 if the chain is empty. */
  first(): Row
  add(row: Row): void
  /** Removes a row of this chain. */
  remove(row: Row): void
}

/** The neighbours of a row in its chain. */
export interface Links {
  readonly before: RowField<Row>
  readonly after: RowField<Row>
}

/** A chain needs two fields of each row, and no other memory. */
export function createRowChain({ before, after }: Links): RowChain {
  let first: Row = 0
  let last: Row = 0

  return {
    first: () => first,
    add(row) {
      before.set(row, last)
      after.set(row, 0)
      if (last) after.set(last, row)
      else first = row
      last = row
    },
    remove(row) {
      const [previous, next] = [before.get(row), after.get(row)]
      if (previous) after.set(previous, next)
      else first = next
      if (next) before.set(next, previous)
      else last = previous
    },
  }
}
