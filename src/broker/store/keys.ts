import type { KeyedLine, KeyedRequest, Keys } from '../broker.ts'
import type { Change, Changes } from './changes.ts'
import { createKeyEntries, type KeyDevice, type KeyEntry } from './key-entries.ts'
import type { StoreContext } from './store-context.ts'

/** The share of the limits that one device may use. */
const ONE_DEVICE = 1 / 4
/** Less than a millisecond; the others are forgotten with the next request that has a key, or later. */
const EXPIRED_AT_ONCE = 256

/** Remembers requests with an idempotency key; the oldest are forgotten when there is no room. */
export function createKeys({ journal, limits, onBound, now, ids }: StoreContext) {
  const entries = createKeyEntries()

  /** Nobody waits until this is stored: after a crash, the request is only remembered for longer. */
  function forget(entry: KeyEntry): void {
    entries.remove(entry)
    journal.later(`key ${entry.id}`, ['dropKey', entry.id], ['dropKeyLines', entry.id])
  }

  /** Forgets the oldest of these; returns whether there was one. */
  function forgetOldest(of: ReadonlyMap<unknown, KeyEntry>): boolean {
    for (const entry of of.values()) {
      if (entry.isUnderway) continue
      forget(entry)
      onBound('idempotency_keys', 1)
      return true
    }
    return false
  }

  /** Makes room within the limits of a device, and then of all devices. */
  function makeRoom(device: KeyDevice): void {
    const { keys, keyBytes } = limits
    while (
      device.entries.size > Math.ceil(keys * ONE_DEVICE) ||
      device.bytes > keyBytes * ONE_DEVICE
    )
      if (!forgetOldest(device.entries)) break
    while (entries.all.size > keys || entries.bytes() > keyBytes)
      if (!forgetOldest(device.entries) && !forgetOldest(entries.all)) break
  }

  function toRequest(entry: KeyEntry): KeyedRequest {
    const { id } = entry
    entry.isUnderway = true
    return {
      answer: entry.answer,
      isPublished: (line) => entry.lines.has(line),
      line: (line) => ({ id, line }),
      published: (line) => entries.addLine(entry, line),
      async finish(answer) {
        entries.setAnswer(entry, answer)
        // without the answer, a repeated request still finds which lines are published
        await journal
          .append([
            ['keyAnswer', answer, id],
            ['dropKeyLines', id],
          ])
          .catch(() => {})
      },
      release() {
        entry.isUnderway = false
        if (entry.answer === null && entry.lines.size === 0) entries.remove(entry)
        else makeRoom(entry.device)
      },
    }
  }

  function isExpired({ expires, isUnderway }: KeyEntry): boolean {
    return expires <= now() && !isUnderway
  }

  /** Forgets the oldest expired requests. */
  function expire(): void {
    let left = EXPIRED_AT_ONCE
    for (const entry of entries.all.values()) {
      if (entry.expires > now() || left-- === 0) return
      if (isExpired(entry)) forget(entry)
    }
  }

  function find(device: string, key: string): KeyEntry | undefined {
    const found = entries.find(device, key)
    if (!found || !isExpired(found)) return found
    forget(found)
    return undefined
  }

  const take: Keys['take'] = (device, key, fingerprint) => {
    expire()
    const known = find(device, key)
    if (known && known.fingerprint !== fingerprint) return 'reused'
    if (known?.isUnderway) return 'underway'
    if (known) return toRequest(known)
    const entry = entries.add(ids.next(), device, key, fingerprint, now() + limits.keyTtlMs)
    const request = toRequest(entry)
    makeRoom(entry.device)
    return request
  }

  return {
    take,
    expire,
    /** The changes to store in the commit of a reading. */
    toChanges({ id, line }: KeyedLine): Change[] {
      const entry = entries.get(id)
      if (!entry) return []
      const { device, key, fingerprint, expires } = entry
      return [
        ['key', id, device.name, key, fingerprint, expires],
        ['keyLine', id, line],
      ]
    },
    restore(
      ...[id, device, key, fingerprint, expires, answer]: [...Changes['key'], string | null]
    ) {
      ids.skipPast(id)
      const entry = entries.add(id, device, key, fingerprint, expires)
      if (answer !== null) entries.setAnswer(entry, answer)
    },
    restoreLine(id: number, line: number): void {
      const entry = entries.get(id)
      if (entry) entries.addLine(entry, line)
    },
  }
}
