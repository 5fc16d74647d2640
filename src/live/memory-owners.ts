import type { Retention } from '../broker/store/retention.ts'
import type { Row } from './row.ts'
import { createRowChain } from './row-chain.ts'
import { RECENT, type RowOwner, type Rows, type RowTally } from './rows.ts'

/** The rows of each device, and of all devices together. */
export interface Owners {
  of(device: string | null): RowOwner
  add(row: Row): void
  remove(row: Row): void
  /**
   * Counts a recent row as one that stays only as the latest of its topic. Returns false, and changes nothing, if there is no
   * room.
   */
  hold(row: Row): boolean
  readonly total: Readonly<RowTally>
}

export function createOwners(
  rows: Rows,
  { bytes, bytesPerDevice, topics }: Pick<Retention, 'bytes' | 'bytesPerDevice' | 'topics'>,
): Owners {
  const owners = new Map<string | null, RowOwner>()
  const total: RowTally = { entries: 0, bytes: 0 }
  const latestOnly: RowTally = { entries: 0, bytes: 0 }
  // those take at most half of the room, so that the rest is left for recent messages
  const mostLatestOnly: RowTally = { entries: topics, bytes: bytes / 2 }
  const mostLatestOnlyOfOne: RowTally = {
    entries: topics / 2,
    bytes: Math.min(bytes / 4, bytesPerDevice / 2),
  }

  function count(tally: RowTally, row: Row, by: 1 | -1): void {
    tally.entries += by
    tally.bytes += by * rows.counted(row)
  }

  function fits(tally: RowTally, row: Row, most: RowTally): boolean {
    return tally.entries < most.entries && tally.bytes + rows.counted(row) <= most.bytes
  }

  return {
    of(device) {
      const known = owners.get(device)
      if (known) return known
      const owner: RowOwner = {
        device,
        entries: 0,
        bytes: 0,
        recent: createRowChain(rows),
        latestOnly: { entries: 0, bytes: 0 },
      }
      owners.set(device, owner)
      return owner
    },
    add(row) {
      const owner = rows.owner(row)
      owner.recent.add(row)
      count(total, row, 1)
      count(owner, row, 1)
    },
    remove(row) {
      const owner = rows.owner(row)
      if (rows.standing.get(row) === RECENT) owner.recent.remove(row)
      else {
        count(latestOnly, row, -1)
        count(owner.latestOnly, row, -1)
      }
      count(total, row, -1)
      count(owner, row, -1)
      if (owner.entries === 0) owners.delete(owner.device)
    },
    hold(row) {
      const owner = rows.owner(row)
      if (
        !fits(latestOnly, row, mostLatestOnly) ||
        !fits(owner.latestOnly, row, mostLatestOnlyOfOne)
      )
        return false
      count(latestOnly, row, 1)
      count(owner.latestOnly, row, 1)
      owner.recent.remove(row)
      return true
    },
    total,
  }
}
