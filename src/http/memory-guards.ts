import { createLedger, type Kind, type Ledger } from '../budget/ledger.ts'
import type { Reports } from '../metrics/reports.ts'

export interface MemorySettings {
  readonly memoryBytes: number
  readonly memoryBytesPerDevice: number
}

export interface MemoryGuards {
  /** For those who have said who they are. */
  readonly memory: Ledger
  /** All others together get what one device gets. */
  readonly strangers: Ledger
}

const VIEWER = 'viewer '

/** As `memory.ts` names it. */
function ownerOf(owner: string) {
  return owner.startsWith(VIEWER) ? { viewer: owner.slice(VIEWER.length) } : { device: owner }
}

/** What is held in memory for whom; having no room for somebody is logged. */
export function createMemoryGuards(
  { memoryBytes, memoryBytesPerDevice }: MemorySettings,
  { warn }: Pick<Reports, 'warn'>,
): MemoryGuards {
  const noteRefused = (named: (owner: string) => object) => (owner: string, kind: Kind) =>
    warn(`memory\0${owner}`, { ...named(owner), kind }, 'no room in memory for more')
  const perAddress = Math.floor(memoryBytesPerDevice / 4)
  return {
    memory: createLedger(
      { total: memoryBytes, perOwner: memoryBytesPerDevice },
      noteRefused(ownerOf),
    ),
    strangers: createLedger(
      { total: memoryBytesPerDevice, perOwner: perAddress },
      noteRefused((address) => ({ address })),
    ),
  }
}
