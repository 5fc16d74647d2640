import type { TopicInfo } from '../catalog/catalog.ts'

export type PresenceState = 'online' | 'offline'

/** A watched topic of a device. */
export interface HeardTopic {
  readonly device: string
  readonly topic: string
  info: TopicInfo
  /** When its last message came, by a monotonic clock. */
  heardAt: number
  /** The same in milliseconds since the Unix epoch. */
  received: number
  state: PresenceState
  /** What its status topic holds; null where that is not known. */
  published: PresenceState | null
  /** Whether one of its payloads was a number. */
  isNumber: boolean
}

/** How many topics are watched, of all devices and of one. */
export interface HeardBounds {
  readonly topics: number
  readonly topicsPerDevice: number
}

/** The watched topics of all devices, as many as there is room for. */
export interface HeardTopics {
  get(device: string, topic: string): HeardTopic | undefined
  /** False, and counted, when there is no room. */
  add(heard: HeardTopic): boolean
  remove(heard: HeardTopic): void
  of(device: string): Iterable<HeardTopic>
  all(): Iterable<HeardTopic>
  readonly overflowed: number
}

/** Longer topics are not watched: each becomes a label and a part of its status topic. */
const LONGEST_TOPIC = 512

export function createHeardTopics({ topics, topicsPerDevice }: HeardBounds): HeardTopics {
  const devices = new Map<string, Map<string, HeardTopic>>()
  let size = 0
  let overflowed = 0

  return {
    get: (device, topic) => devices.get(device)?.get(topic),
    add(heard) {
      const { device, topic } = heard
      const own = devices.get(device) ?? new Map<string, HeardTopic>()
      if (topic.length > LONGEST_TOPIC || size >= topics || own.size >= topicsPerDevice) {
        overflowed += 1
        return false
      }
      own.set(topic, heard)
      devices.set(device, own)
      size += 1
      return true
    },
    remove({ device, topic }) {
      const own = devices.get(device)
      if (!own?.delete(topic)) return
      size -= 1
      if (own.size === 0) devices.delete(device)
    },
    of: (device) => devices.get(device)?.values() ?? [],
    *all() {
      for (const own of devices.values()) yield* own.values()
    },
    get overflowed() {
      return overflowed
    },
  }
}
