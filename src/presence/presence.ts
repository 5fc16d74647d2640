import { createAlarm } from '../broker/alarm.ts'
import type { Broker } from '../broker/broker.ts'
import type { Delivery } from '../broker/delivery.ts'
import type { TopicInfo } from '../catalog/catalog.ts'
import { numberIn } from '../metrics/readings.ts'
import { createHeardTopics, type HeardBounds, type HeardTopic } from './heard.ts'
import { GATEWAY_NAME } from './own-messages.ts'
import { type RestoringOptions, restoreHeard } from './restoring.ts'
import { createStatuses } from './statuses.ts'
import { createTransitions } from './transitions.ts'
import { createWatches, type TopicWatch } from './watches.ts'

export interface PresenceOptions
  extends HeardBounds,
    Pick<RestoringOptions, 'readTopics' | 'catalog' | 'statusTopics' | 'own'> {
  readonly broker: Pick<Broker, 'follow' | 'retained'>
  /** Whether any topic can be watched; if not, older statuses are emptied. */
  readonly isUsed: boolean
  /** Whether topics that never fall silent are watched for their first number. */
  readonly watchesNumbers: boolean
  /** How long a silent topic is kept, in milliseconds. */
  readonly ttlMs: number
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

export async function openPresence(options: PresenceOptions): Promise<Presence> {
  const { broker, catalog, statusTopics, own, ttlMs, watchesNumbers } = options
  const { now = () => performance.now() } = options
  const heard = createHeardTopics(options)
  const statuses = createStatuses(heard, statusTopics, own)
  const watches = createWatches(catalog, statusTopics, watchesNumbers)
  const listeners: ((device: string, topic: string) => void)[] = []
  const alarm = createAlarm(() => transitions.sweep(), now)
  const transitions = createTransitions({
    heard,
    statuses,
    alarm,
    ttlMs,
    watchOf: watches.of,
    onChange: callListeners,
    now,
  })

  /** Called for every message, so it does as little as it can. */
  function note(delivery: Delivery): void {
    const { device, topic, payload } = delivery
    if (device === null || device === GATEWAY_NAME) return
    const watch = watches.of(topic)
    if (watch.kind === 'other') return
    const isEmptied = payload.length === 0 && delivery.retain
    if (watch.kind === 'status') {
      if (isEmptied) forgetCleared(topic)
      return
    }
    // any client that may write the topic can delete its retained message, so this does not show that the device is alive
    if (isEmptied) return
    const known = watch.last?.device === device ? watch.last : heard.get(device, topic)
    if (known) noteAgain(known, watch, delivery)
    else noteNew(toHeard(delivery, watch.info), payload)
  }

  function noteNew(topic: HeardTopic, payload: Buffer): void {
    if (!heard.add(topic)) return
    noteNumber(topic, payload)
    transitions.markOnline(topic)
    callListeners(topic)
  }

  function noteAgain(topic: HeardTopic, watch: TopicWatch, { received, payload }: Delivery): void {
    watch.last = topic
    topic.heardAt = now()
    topic.received = received
    if (noteNumber(topic, payload)) callListeners(topic)
    if (topic.state === 'offline' || topic.published === null) transitions.markOnline(topic)
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
  function noteNumber(topic: HeardTopic, payload: Buffer): boolean {
    if (topic.isNumber || !watchesNumbers || numberIn(payload) === null) return false
    topic.isNumber = true
    return true
  }

  function callListeners({ device, topic }: HeardTopic): void {
    for (const listener of listeners) listener(device, topic)
  }

  /** Somebody has emptied a status topic: that of a device or topic which is gone for good. */
  function forgetCleared(statusTopic: string): void {
    const status = statusTopics.parse(statusTopic)
    if (status === null) return
    const { device, topic } = status
    const gone = topic === null ? [...heard.of(device)] : [heard.get(device, topic)]
    for (const one of gone) if (one) transitions.forget(one)
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
      for (const topic of heard.all()) {
        callListeners(topic)
        if (topic.info.silenceMs !== null) statuses.publish(topic)
      }
      alarm.at(now())
    },
    recheck() {
      watches.forget()
      for (const topic of [...heard.all()]) transitions.recheck(topic)
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
