import type { TopicInfo } from '../catalog/catalog.ts'

/** A topic of a device that is watched. */
export interface Heard {
  readonly device: string
  readonly topic: string
  info: TopicInfo
  /** When it was heard last, by a clock that goes on evenly. */
  heardAt: number
  /** When the gateway took its last message, in milliseconds since the Unix epoch. */
  received: number
  state: 'online' | 'offline'
  /** What its status topic says; null where that is not known. */
  said: 'online' | 'offline' | null
  /** Whether one of its payloads was a number. */
  isNumber: boolean
}

export interface HeardBounds {
  readonly topics: number
  readonly topicsPerDevice: number
}

/** What was heard of which device: as much as there is room for. */
export interface HeardTopics {
  get(device: string, topic: string): Heard | undefined
  /** False where there is no room for it, which is counted. */
  add(heard: Heard): boolean
  remove(heard: Heard): void
  of(device: string): Iterable<Heard>
  all(): Iterable<Heard>
  readonly overflowed: number
}

/** Characters of a topic that becomes a label and a part of another topic. */
const LONGEST_TOPIC = 512

export function createHeardTopics({ topics, topicsPerDevice }: HeardBounds): HeardTopics {
  const devices = new Map<string, Map<string, Heard>>()
  let size = 0
  let overflowed = 0

  return {
    get: (device, topic) => devices.get(device)?.get(topic),
    add(heard) {
      const { device, topic } = heard
      const own = devices.get(device) ?? new Map<string, Heard>()
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
