import { type Chain, createChain, type Link } from '../chain.ts'
import type { GatewayError } from '../errors.ts'
import { propertiesByteLength } from '../topic/properties.ts'
import type { Connection } from './connection.ts'
import type { UplinkMessage } from './message.ts'
import type { UplinkOptions } from './options.ts'
import { type RefusedMessage, unavailable } from './refusals.ts'
import { createUnread } from './unread.ts'

export interface WindowOptions extends Pick<UplinkOptions, 'deadlineMs' | 'maxPending' | 'meter'> {
  readonly terms: Pick<Connection['terms'], 'receiveMaximum'>
  readonly send: Connection['send']
  /** Called when the broker has acknowledged nothing for a long time, although it should. */
  onStuck(): void
}

/** The messages of one connection that are sent or queued, and not acknowledged. */
export interface Window {
  publish(message: UplinkMessage): Promise<void>
  pending(): { readonly messages: number; readonly bytes: number }
  /** Whether the broker has acknowledged anything. */
  hasAcknowledged(): boolean
  /** Resolves once nobody waits any more. */
  idle(): Promise<void>
  /** Messages that were sent a short time ago, and that the broker may not have read to the end. */
  underway(): UplinkMessage[]
  /** The place of the last message that was sent, for `noteRead`. */
  lastPlace(): number
  /** The broker has read all messages up to this place. */
  noteRead(place: number): void
  /** The connection has ended: every waiting message gets this refusal. */
  fail(refusal: RefusedMessage): void
}

/**
 * A message and its state. A class, because V8 creates object literals that often survive in the old heap. The states:
 * - `waiting`: it waits for its turn.
 * - `sent`: the broker has not acknowledged it yet.
 * - `late`: it was sent, but its publisher no longer waits for the acknowledgement.
 * - `gone`: it is no longer in the window.
 */
class WindowEntry implements Link<WindowEntry> {
  readonly message: UplinkMessage
  readonly bytes: number
  readonly since = performance.now()
  readonly resolve: () => void
  readonly reject: (error: GatewayError) => void
  state: 'waiting' | 'sent' | 'late' | 'gone' = 'waiting'
  /** Its place among all that were sent. */
  place = 0
  before: WindowEntry | null = null
  after: WindowEntry | null = null

  constructor(
    message: UplinkMessage,
    bytes: number,
    resolve: () => void,
    reject: (error: GatewayError) => void,
  ) {
    this.message = message
    this.bytes = bytes
    this.resolve = resolve
    this.reject = reject
  }
}

/** A connection without an acknowledgement for this long is replaced by a new one. */
const STUCK_DEADLINES = 4

/** Sends messages in the order of the calls, never more at once than the broker accepts. */
export function createWindow(options: WindowOptions): Window {
  const { terms, send, deadlineMs, maxPending, meter } = options
  // all of them, in the order of their coming
  const entries = createChain<WindowEntry>()
  // all after it wait, too
  let firstWaiting: WindowEntry | null = null
  const idlers = new Set<() => void>()
  const unread = createUnread(deadlineMs)
  let bytes = 0
  let unacknowledged = 0
  let acknowledged = false
  let timer: NodeJS.Timeout | undefined

  function pump(): void {
    while (firstWaiting) {
      const entry = firstWaiting
      const { qos } = entry.message
      if (qos > 0 && unacknowledged >= terms.receiveMaximum) return
      firstWaiting = entry.after
      entry.state = 'sent'
      entry.place = unread.sent(entry.message)
      if (qos > 0) unacknowledged += 1
      send(entry.message, (refusal) => answered(entry, refusal))
    }
  }

  function answered(entry: WindowEntry, refusal: RefusedMessage | null): void {
    const { state } = entry
    if (state === 'gone') return
    if (entry.message.qos > 0) {
      unacknowledged -= 1
      unread.read(entry.place)
    }
    if (refusal?.reason !== 'failed') acknowledged = true
    forget(entry)
    if (state !== 'late') {
      meter.uplinkPublishTook((performance.now() - entry.since) / 1000)
      if (refusal) entry.reject(counted(refusal))
      else entry.resolve()
    }
    pump()
    checkIdle()
  }

  function forget(entry: WindowEntry): void {
    if (entry === firstWaiting) firstWaiting = entry.after
    entries.remove(entry)
    entry.state = 'gone'
    bytes -= entry.bytes
  }

  function counted({ reason, error }: RefusedMessage): GatewayError {
    meter.uplinkRefused(reason)
    return error
  }

  function checkDeadlines(): void {
    timer = undefined
    const now = performance.now()
    for (let entry = entries.first(), next: WindowEntry | null; entry; entry = next) {
      next = entry.after
      const age = now - entry.since
      if (age < deadlineMs) break
      if (entry.state !== 'late') giveUp(entry)
      else if (age >= STUCK_DEADLINES * deadlineMs) {
        options.onStuck()
        return
      }
    }
    checkIdle()
    checkLater()
  }

  function giveUp(entry: WindowEntry): void {
    if (entry.state === 'waiting') forget(entry)
    else entry.state = 'late'
    entry.reject(counted(notInTime(deadlineMs)))
  }

  /** Every entry has the same time, so the oldest that somebody waits for is due first. */
  function checkLater(): void {
    if (timer) return
    for (let entry = entries.first(); entry; entry = entry.after) {
      if (entry.state === 'late') continue
      const wait = entry.since + deadlineMs - performance.now()
      timer = setTimeout(checkDeadlines, Math.max(1, Math.ceil(wait)))
      return
    }
    if (entries.size > 0) timer = setTimeout(checkDeadlines, deadlineMs).unref()
  }

  function checkIdle(): void {
    if (idlers.size === 0 || isAwaited(entries)) return
    for (const resolve of idlers) resolve()
    idlers.clear()
  }

  return {
    publish(message) {
      const size = byteLength(message)
      if (entries.size >= maxPending.messages || bytes + size > maxPending.bytes)
        return Promise.reject(
          counted(unavailable('pending', 'too many messages wait for its acknowledgement')),
        )
      return new Promise((resolve, reject) => {
        const entry = new WindowEntry(message, size, resolve, reject)
        entries.add(entry)
        bytes += size
        if (!firstWaiting) {
          firstWaiting = entry
          pump()
        }
        checkLater()
      })
    },
    pending: () => ({ messages: entries.size, bytes }),
    hasAcknowledged: () => acknowledged,
    idle() {
      if (!isAwaited(entries)) return Promise.resolve()
      return new Promise((resolve) => idlers.add(resolve))
    },
    underway() {
      const underway = unread.recent()
      entries.each(({ state, message }) => {
        if (state !== 'waiting' && message.qos > 0) underway.push(message)
      })
      return underway
    },
    lastPlace: unread.lastPlace,
    noteRead: unread.read,
    fail(refusal) {
      clearTimeout(timer)
      const awaited: WindowEntry[] = []
      entries.each((entry) => {
        if (entry.state !== 'late') awaited.push(entry)
        forget(entry)
      })
      for (const { reject } of awaited) reject(counted(refusal))
      checkIdle()
    },
  }
}

/** Whether a publisher still waits for one of them. */
function isAwaited(entries: Chain<WindowEntry>): boolean {
  for (let entry = entries.first(); entry; entry = entry.after)
    if (entry.state !== 'late') return true
  return false
}

function notInTime(deadlineMs: number): RefusedMessage {
  return unavailable('deadline', `it did not acknowledge it within ${deadlineMs / 1000} seconds`)
}

/** Besides topic, payload and properties. */
const ENTRY_BYTES = 200

function byteLength({ topic, payload, properties }: UplinkMessage): number {
  return ENTRY_BYTES + Buffer.byteLength(topic) + payload.length + propertiesByteLength(properties)
}
