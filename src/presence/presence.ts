import { createAlarm } from '../broker/alarm.ts'
import type { Broker } from '../broker/broker.ts'
import type { Delivery } from '../broker/delivery.ts'
import type { TopicInfo } from '../catalog/catalog.ts'
import { numberIn } from '../metrics/readings.ts'
import { createHeardTopics, type HeardBounds, type HeardTopic } from './heard.ts'
import { GATEWAY_NAME } from './own-messages.ts'
import { type RestoringOptions, restoreHeard } from './restoring.ts'
import { createStatuses } from './statuses.ts'
import { createWatches } from './watches.ts'

export interface PresenceOptions
  extends HeardBounds,
    Pick<RestoringOptions, 'readTopics' | 'catalog' | 'statusTopics' | 'own'> {
  readonly broker: Pick<Broker, 'follow' | 'retained'>
  /** Whether any topic can be watched; if not, older statuses are emptied. */
  readonly isUsed: boolean
  /** Whether topics that never fall silent are watched for their first number. */
  readonly watchesNumbers: boolean
  /** How long a silent topic is kept, in milliseconds. */
  readonly ttl: number
  /** Milliseconds by a monotonic clock. */
  readonly now?: () => number
}

/** Knows which devices have fallen silent on which topics, and keeps their status topics up to date. */
export interface Presence {
  /** Reads earlier messages from the log and the status topics. To be called once. */
  restore(): Promise<void>
  /** The catalog has changed. */
  recheck(): void
  all(): Iterable<HeardTopic>
  find(device: string, topic: string): HeardTopic | undefined
  /** Calls `listener` for each topic that is new, is gone, or has its first number. It must not throw. */
  onChange(listener: (device: string, topic: string) => void): void
  /** Messages of topics for which there was no room. */
  readonly overflowed: number
  close(): Promise<void>
}

const SWEEP_MS = 60_000

export async function openPresence(options: PresenceOptions): Promise<Presence> {
  const { broker, catalog, statusTopics, own, ttl, watchesNumbers } = options
  const { now = () => performance.now() } = options
  const heard = createHeardTopics(options)
  const statuses = createStatuses(heard, statusTopics, own)
  const watches = createWatches(catalog, statusTopics, watchesNumbers)
  const listeners: ((device: string, topic: string) => void)[] = []
  const alarm = createAlarm(sweep, now)

  /** Called for every message, so it does as little as it can. */
  function note(delivery: Delivery): void {
    const { device, topic, payload } = delivery
    if (device === null || device === GATEWAY_NAME) return
    const watch = watches.of(topic)
    if (watch.kind === 'other') return
    if (watch.kind === 'status') {
      if (payload.length === 0 && delivery.retain) forgetCleared(topic)
      return
    }
    // whoever empties a retained topic need not be the device
    if (payload.length === 0 && delivery.retain) return
    const known = watch.last?.device === device ? watch.last : heard.get(device, topic)
    if (known === undefined) {
      const fresh = toHeard(delivery, watch.info)
      if (!heard.add(fresh)) return
      noteNumber(fresh, payload)
      markOnline(fresh)
      callListeners(fresh)
      return
    }
    watch.last = known
    known.heardAt = now()
    known.received = delivery.received
    if (noteNumber(known, payload)) callListeners(known)
    if (known.state === 'offline' || known.published === null) markOnline(known)
  }

  function toHeard({ device, topic, received }: Delivery, info: TopicInfo): HeardTopic {
    return {
      device: device as string,
      topic,
      info,
      received,
      heardAt: now(),
      state: 'online',
      published: null,
      isNumber: false,
    }
  }

  /** Returns whether it is the topic's first number. */
  function noteNumber(one: HeardTopic, payload: Buffer): boolean {
    if (one.isNumber || !watchesNumbers || numberIn(payload) === null) return false
    one.isNumber = true
    return true
  }

  function callListeners({ device, topic }: HeardTopic): void {
    for (const listener of listeners) listener(device, topic)
  }

  function markOnline(one: HeardTopic): void {
    one.state = 'online'
    if (one.info.silence === null) return
    alarm.at(one.heardAt + one.info.silence)
    statuses.publish(one)
  }

  /** Marks topics that have fallen silent, and forgets those that are silent for too long. Returns when to sweep again. */
  function sweep(): number {
    const at = now()
    const oldest = Date.now() - ttl
    let next = Number.POSITIVE_INFINITY
    for (const one of heard.all()) {
      const { silence } = one.info
      if (one.state === 'offline' || silence === null) {
        if (one.received < oldest) forget(one)
        continue
      }
      if (one.heardAt + silence > at) {
        next = Math.min(next, one.heardAt + silence)
        continue
      }
      one.state = 'offline'
      statuses.publish(one)
    }
    return Math.min(next, at + SWEEP_MS)
  }

  function forget(one: HeardTopic): void {
    heard.remove(one)
    watches.of(one.topic).last = null
    statuses.clear(one)
    callListeners(one)
  }

  /** Somebody has emptied a status topic: that of a device or topic which is gone for good. */
  function forgetCleared(statusTopic: string): void {
    const status = statusTopics.parse(statusTopic)
    if (status === null) return
    const cleared = status.topic === null ? [...heard.of(status.device)] : []
    const one = status.topic === null ? undefined : heard.get(status.device, status.topic)
    for (const each of one ? [one] : cleared) forget(each)
  }

  function recheck(one: HeardTopic): void {
    const { info, kind } = watches.of(one.topic)
    one.info = info
    if (kind !== 'watched') forget(one)
    else if (info.silence !== null) {
      one.state = one.heardAt + info.silence > now() ? 'online' : one.state
      statuses.publish(one)
    } else if (one.published !== null) {
      statuses.clear(one)
      one.published = null
      one.state = 'online'
    }
    callListeners(one)
  }

  const unfollow = options.isUsed ? await broker.follow(note) : null
  return {
    async restore() {
      await restoreHeard({
        broker,
        readTopics: options.readTopics,
        catalog,
        statusTopics,
        own,
        watchesNumbers,
        heard,
        statuses,
        watchOf: watches.of,
        toHeard,
        noteNumber,
        now,
      })
      for (const one of heard.all()) {
        callListeners(one)
        if (one.info.silence !== null) statuses.publish(one)
      }
      alarm.at(now())
    },
    recheck() {
      watches.forget()
      for (const one of [...heard.all()]) recheck(one)
      alarm.at(now())
    },
    all: heard.all,
    find: heard.get,
    onChange: (listener) => void listeners.push(listener),
    get overflowed() {
      return heard.overflowed
    },
    async close() {
      alarm.stop()
      await unfollow?.()
    },
  }
}
