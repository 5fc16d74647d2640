import type { Alarm } from '../broker/alarm.ts'
import type { HeardTopic, HeardTopics } from './heard.ts'
import type { Statuses } from './statuses.ts'
import type { TopicWatch } from './watches.ts'

export interface TransitionOptions {
  readonly heard: HeardTopics
  readonly statuses: Statuses
  readonly alarm: Pick<Alarm, 'at'>
  /** How long a silent topic is kept, in milliseconds. */
  readonly ttlMs: number
  watchOf(topic: string): TopicWatch
  /** Called when a topic is gone, or its entry in the catalog has changed. */
  onChange(topic: HeardTopic): void
  /** Milliseconds by a monotonic clock. */
  now(): number
}

const SWEEP_MS = 60_000

/** How a heard topic goes online and offline, and how it is forgotten. */
export function createTransitions({
  heard,
  statuses,
  alarm,
  ttlMs,
  watchOf,
  onChange,
  now,
}: TransitionOptions) {
  function markOnline(topic: HeardTopic): void {
    topic.state = 'online'
    if (topic.info.silenceMs === null) return
    alarm.at(topic.heardAt + topic.info.silenceMs)
    statuses.publish(topic)
  }

  function forget(topic: HeardTopic): void {
    heard.remove(topic)
    watchOf(topic.topic).last = null
    statuses.clear(topic)
    onChange(topic)
  }

  return {
    markOnline,
    forget,
    /** Marks topics that have fallen silent, and forgets those that are silent for too long. Returns when to sweep again. */
    sweep(): number {
      const at = now()
      const oldest = Date.now() - ttlMs
      let next = Number.POSITIVE_INFINITY
      for (const topic of heard.all()) {
        const { silenceMs } = topic.info
        if (topic.state === 'offline' || silenceMs === null) {
          if (topic.received < oldest) forget(topic)
          continue
        }
        if (topic.heardAt + silenceMs > at) {
          next = Math.min(next, topic.heardAt + silenceMs)
          continue
        }
        topic.state = 'offline'
        statuses.publish(topic)
      }
      return Math.min(next, at + SWEEP_MS)
    },
    /** The catalog has changed. */
    recheck(topic: HeardTopic): void {
      const { info, kind } = watchOf(topic.topic)
      topic.info = info
      if (kind !== 'watched') {
        forget(topic)
        return
      }
      if (info.silenceMs !== null) {
        topic.state = topic.heardAt + info.silenceMs > now() ? 'online' : topic.state
        statuses.publish(topic)
      } else if (topic.published !== null) {
        statuses.clear(topic)
        topic.published = null
        topic.state = 'online'
      }
      onChange(topic)
    },
  }
}
