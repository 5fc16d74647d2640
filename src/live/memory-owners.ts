import type { Retention } from '../broker/store/retention.ts'
import { createChain } from './chain.ts'
import { count, type EntryOwner, type EntryTally, type MemoryEntry } from './memory-entry.ts'

/** The entries of each device in memory, and of all devices together. */
export interface Owners {
  of(device: string | null): EntryOwner
  add(entry: MemoryEntry): void
  remove(entry: MemoryEntry): void
  /**
   * Counts a recent entry as one that stays only as the latest of its topic. Returns false, and changes nothing, if there is no
   * room.
   */
  hold(entry: MemoryEntry): boolean
  readonly total: Readonly<EntryTally>
}

export function createOwners({
  bytes,
  bytesPerDevice,
  topics,
}: Pick<Retention, 'bytes' | 'bytesPerDevice' | 'topics'>): Owners {
  const owners = new Map<string | null, EntryOwner>()
  const total: EntryTally = { entries: 0, bytes: 0 }
  const held: EntryTally = { entries: 0, bytes: 0 }
  // those take at most half of the room, so that the rest is left for recent messages
  const mostHeld: EntryTally = { entries: topics, bytes: bytes / 2 }
  const mostHeldOfOne: EntryTally = {
    entries: topics / 2,
    bytes: Math.min(bytes / 4, bytesPerDevice / 2),
  }

  return {
    of(device) {
      const known = owners.get(device)
      if (known) return known
      const owner: EntryOwner = {
        device,
        entries: 0,
        bytes: 0,
        recent: createChain(),
        held: { entries: 0, bytes: 0 },
      }
      owners.set(device, owner)
      return owner
    },
    add(entry) {
      entry.owner.recent.add(entry)
      count(total, entry, 1)
      count(entry.owner, entry, 1)
    },
    remove(entry) {
      const { owner, standing } = entry
      if (standing === 'recent') owner.recent.remove(entry)
      else {
        count(held, entry, -1)
        count(owner.held, entry, -1)
      }
      count(total, entry, -1)
      count(owner, entry, -1)
      if (owner.entries === 0) owners.delete(owner.device)
    },
    hold(entry) {
      const { owner } = entry
      if (!fits(held, entry, mostHeld) || !fits(owner.held, entry, mostHeldOfOne)) return false
      count(held, entry, 1)
      count(owner.held, entry, 1)
      owner.recent.remove(entry)
      return true
    },
    total,
  }
}

function fits(tally: EntryTally, { bytes }: MemoryEntry, most: EntryTally): boolean {
  return tally.entries < most.entries && tally.bytes + bytes <= most.bytes
}
