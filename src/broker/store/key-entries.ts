import type { Changes } from './changes.ts'

/** A remembered request with an idempotency key. */
export interface KeyEntry {
  readonly id: number
  readonly device: KeyDevice
  readonly key: string
  readonly fingerprint: string
  /** When it is forgotten, by the store's clock. */
  readonly expires: number
  /** The answer to the request; null until it is complete. */
  answer: string | null
  /** The lines whose readings are published. */
  readonly lines: Set<number>
  isUnderway: boolean
  bytes: number
}

/** The requests of one device. */
export interface KeyDevice {
  readonly name: string
  /** By key, oldest first. */
  readonly entries: Map<string, KeyEntry>
  bytes: number
}

/** Memory of an entry, besides its texts, and of each of its lines. */
const ENTRY_BYTES = 300
const LINE_BYTES = 16

/** All remembered requests, and their memory. */
export function createKeyEntries() {
  /** By id, oldest first. */
  const entries = new Map<number, KeyEntry>()
  const devices = new Map<string, KeyDevice>()
  let bytes = 0

  function count(entry: KeyEntry, by: number): void {
    entry.bytes += by
    entry.device.bytes += by
    bytes += by
  }

  function deviceOf(name: string): KeyDevice {
    const known = devices.get(name)
    if (known) return known
    const device = { name, entries: new Map<string, KeyEntry>(), bytes: 0 }
    devices.set(name, device)
    return device
  }

  return {
    all: entries,
    bytes: () => bytes,
    get: (id: number) => entries.get(id),
    find: (device: string, key: string) => devices.get(device)?.entries.get(key),
    add(...[id, name, key, fingerprint, expires]: Changes['key']): KeyEntry {
      const device = deviceOf(name)
      const entry: KeyEntry = {
        id,
        device,
        key,
        fingerprint,
        expires,
        answer: null,
        lines: new Set<number>(),
        isUnderway: false,
        bytes: 0,
      }
      device.entries.set(key, entry)
      entries.set(id, entry)
      count(entry, ENTRY_BYTES + key.length + fingerprint.length)
      return entry
    },
    addLine(entry: KeyEntry, line: number): void {
      entry.lines.add(line)
      count(entry, LINE_BYTES)
    },
    /** The answer replaces the lines. */
    setAnswer(entry: KeyEntry, answer: string): void {
      entry.answer = answer
      count(entry, answer.length - entry.lines.size * LINE_BYTES)
      entry.lines.clear()
    },
    remove(entry: KeyEntry): void {
      const { id, device, key } = entry
      count(entry, -entry.bytes)
      entries.delete(id)
      device.entries.delete(key)
      if (device.entries.size === 0) devices.delete(device.name)
    },
  }
}
