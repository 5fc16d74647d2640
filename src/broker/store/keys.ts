import type { KeyedRequest, Keys, Mark } from '../broker.ts'
import type { Change, Changes } from './changes.ts'
import type { StoreContext } from './store-context.ts'

interface KeyEntry {
  readonly id: number
  readonly owner: Owner
  readonly key: string
  readonly fingerprint: string
  /** By the store's clock. */
  readonly expires: number
  /** Of a request that has come to its end. */
  answer: string | null
  /** Whose readings are published. */
  readonly lines: Set<number>
  isUnderway: boolean
  bytes: number
}

interface Owner {
  readonly device: string
  readonly entries: Map<string, KeyEntry>
  bytes: number
}

/** What an entry takes in memory besides its texts, and each of its lines. */
const ENTRY_BYTES = 300
const LINE_BYTES = 16
/** Less than a millisecond; the others go with the next request that names a key, or later. */
const EXPIRED_AT_ONCE = 256

/** Remembers requests with an idempotency key, oldest first; the oldest are forgotten when there is no room. */
export function createKeys({ journal, limits, onBound, now, ids }: StoreContext) {
  const entries = new Map<number, KeyEntry>()
  const owners = new Map<string, Owner>()
  let bytes = 0

  function ownerOf(device: string): Owner {
    const known = owners.get(device)
    if (known) return known
    const owner = { device, entries: new Map<string, KeyEntry>(), bytes: 0 }
    owners.set(device, owner)
    return owner
  }

  function add(...[id, device, key, fingerprint, expires]: Changes['key']): KeyEntry {
    const owner = ownerOf(device)
    const entry: KeyEntry = {
      id,
      owner,
      key,
      fingerprint,
      expires,
      answer: null,
      lines: new Set<number>(),
      isUnderway: false,
      bytes: 0,
    }
    owner.entries.set(key, entry)
    entries.set(id, entry)
    count(entry, ENTRY_BYTES + key.length + fingerprint.length)
    return entry
  }

  function count(entry: KeyEntry, by: number): void {
    entry.bytes += by
    entry.owner.bytes += by
    bytes += by
  }

  function remove(entry: KeyEntry): void {
    const { id, owner, key } = entry
    count(entry, -entry.bytes)
    entries.delete(id)
    owner.entries.delete(key)
    if (owner.entries.size === 0) owners.delete(owner.device)
  }

  /** Nobody waits for it: what a crash brings back is only remembered for longer. */
  function forget(entry: KeyEntry): void {
    remove(entry)
    journal.later(`key ${entry.id}`, ['dropKey', entry.id], ['dropKeyLines', entry.id])
  }

  function forgetFirst(of: Map<unknown, KeyEntry>): boolean {
    for (const entry of of.values()) {
      if (entry.isUnderway) continue
      forget(entry)
      onBound('idempotency_keys', 1)
      return true
    }
    return false
  }

  function makeRoom(own: Owner): void {
    const { keys, keysPerDevice, keyBytes, keyBytesPerDevice } = limits
    while (own.entries.size > keysPerDevice || own.bytes > keyBytesPerDevice)
      if (!forgetFirst(own.entries)) break
    while (entries.size > keys || bytes > keyBytes)
      if (!forgetFirst(own.entries) && !forgetFirst(entries)) break
  }

  function toRequest(entry: KeyEntry): KeyedRequest {
    entry.isUnderway = true
    return {
      answer: entry.answer,
      isPublished: (line) => entry.lines.has(line),
      mark: (line) => ({ id: entry.id, line }),
      published(line) {
        entry.lines.add(line)
        count(entry, LINE_BYTES)
      },
      async finish(answer) {
        entry.answer = answer
        count(entry, answer.length - entry.lines.size * LINE_BYTES)
        entry.lines.clear()
        // without the answer, a repeated request still finds which lines are published
        await journal
          .append([
            ['keyAnswer', answer, entry.id],
            ['dropKeyLines', entry.id],
          ])
          .catch(() => {})
      },
      release() {
        entry.isUnderway = false
        if (entry.answer === null && entry.lines.size === 0) remove(entry)
        else makeRoom(entry.owner)
      },
    }
  }

  function isOver({ expires, isUnderway }: KeyEntry): boolean {
    return expires <= now() && !isUnderway
  }

  function expire(): void {
    let left = EXPIRED_AT_ONCE
    for (const entry of entries.values()) {
      if (entry.expires > now() || left-- === 0) return
      if (isOver(entry)) forget(entry)
    }
  }

  function find(device: string, key: string): KeyEntry | undefined {
    const found = owners.get(device)?.entries.get(key)
    if (!found || !isOver(found)) return found
    forget(found)
    return undefined
  }

  const take: Keys['take'] = (device, key, fingerprint) => {
    expire()
    const known = find(device, key)
    if (known && known.fingerprint !== fingerprint) return 'reused'
    if (known?.isUnderway) return 'underway'
    if (known) return toRequest(known)
    const entry = add(ids.next(), device, key, fingerprint, now() + limits.keyTtl)
    const request = toRequest(entry)
    makeRoom(entry.owner)
    return request
  }

  return {
    take,
    expire,
    /** The changes to store in the commit of a reading. */
    toChanges({ id, line }: Mark): Change[] {
      const entry = entries.get(id)
      if (!entry) return []
      const { owner, key, fingerprint, expires } = entry
      return [
        ['key', id, owner.device, key, fingerprint, expires],
        ['keyLine', id, line],
      ]
    },
    restore(
      ...[id, device, key, fingerprint, expires, answer]: [...Changes['key'], string | null]
    ) {
      ids.passed(id)
      const entry = add(id, device, key, fingerprint, expires)
      entry.answer = answer
      count(entry, answer?.length ?? 0)
    },
    restoreLine(id: number, line: number): void {
      const entry = entries.get(id)
      if (!entry) return
      entry.lines.add(line)
      count(entry, LINE_BYTES)
    },
  }
}
