import type { Hold, Kind, Ledger } from '../budget/ledger.ts'
import { ProtocolError, Reason } from './reasons.ts'

const HELD = ['packet', 'alias', 'publish', 'delivery', 'queue'] as const

/** What one connection holds for its device, by its parts. */
export type Holds = Readonly<Record<(typeof HELD)[number], Hold>>

/** The caller must release them with `releaseHolds`. */
export function openHolds(memory: Ledger, device: string): Holds {
  const open = (kind: Kind) => memory.open(device, kind)
  return {
    packet: open('packet'),
    alias: open('alias'),
    publish: open('publish'),
    delivery: open('delivery'),
    queue: open('delivery'),
  }
}

/** The connection has ended. */
export function releaseHolds(holds: Holds): void {
  for (const part of HELD) holds[part].release()
}

export function noMemory(): ProtocolError {
  return new ProtocolError(
    Reason.quotaExceeded,
    'reached the memory limit of its device or of all devices (WOTT_MEMORY_BYTES_PER_DEVICE, WOTT_MEMORY_BYTES)',
  )
}
