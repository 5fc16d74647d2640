import { createLedger, type Kind, type Ledger } from '../budget/ledger.ts'
import type { Config } from '../config/load.ts'
import type { Reports } from '../metrics/reports.ts'

export interface MemoryGuards {
  /** For clients with an identity. */
  readonly memory: Ledger
  /** For clients without one: all of them together get as much as one device. */
  readonly strangers: Ledger
}

const VIEWER = 'viewer '

/** The device or viewer, or the address, of an owner name made in `memory.ts`. */
function ownerOf(owner: string) {
  return owner.startsWith(VIEWER) ? { viewer: owner.slice(VIEWER.length) } : { device: owner }
}

/** Counts the memory that clients hold, and logs whom it refuses. */
export function createMemoryGuards(
  settings: Config['memory'],
  { warn }: Pick<Reports, 'warn'>,
): MemoryGuards {
  const noteRefused = (named: (owner: string) => object) => (owner: string, kind: Kind) =>
    warn(`memory\0${owner}`, { ...named(owner), kind }, 'no room in memory for more')
  const { bytesPerOwner } = settings
  return {
    memory: createLedger(settings, noteRefused(ownerOf)),
    strangers: createLedger(
      { totalBytes: bytesPerOwner, bytesPerOwner: Math.floor(bytesPerOwner / 4) },
      noteRefused((address) => ({ address })),
    ),
  }
}
