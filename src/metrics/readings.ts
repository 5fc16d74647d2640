import type { Message } from '../topic/message.ts'

export interface ReadingsOptions {
  /** Most (device, topic) pairs kept. */
  readonly series: number
  /** How long a silent pair is kept, in milliseconds. */
  readonly ttl: number
  readonly now?: () => number
}

interface Reading {
  readonly device: string
  readonly topic: string
  value: number
  time: number
}

export interface Readings {
  note(message: Message): void
  /** Those whose device spoke within the TTL, in no order. */
  current(): Reading[]
  /** When each device was last heard, in milliseconds since the Unix epoch; bounded and forgotten alike. */
  lastSeen(): Map<string, number>
  /** How many messages found no room, since the start. */
  readonly overflowed: number
}

/** The last number that each device published to each topic. */
export function createReadings({ series, ttl, now = Date.now }: ReadingsOptions): Readings {
  const readings = new Map<string, Reading>()
  const seen = new Map<string, number>()
  let overflowed = 0
  let sweptAt = 0

  function sweep(): void {
    const oldest = now() - ttl
    for (const [key, { time }] of readings) if (time < oldest) readings.delete(key)
    for (const [device, time] of seen) if (time < oldest) seen.delete(device)
    sweptAt = now()
  }

  /** Full is full until something expires; looked for at most once a second, so a flood of names costs nothing. */
  function hasRoom(map: ReadonlyMap<string, unknown>): boolean {
    if (map.size >= series && now() - sweptAt >= 1000) sweep()
    return map.size < series
  }

  function note({ device, topic, payload, time }: Message): void {
    if (device === null) return
    if (seen.has(device) || hasRoom(seen)) seen.set(device, time)
    const value = numberIn(payload)
    if (value === null) return
    // neither part can hold U+0000, so two pairs never share a key
    const key = `${device}\0${topic}`
    const known = readings.get(key)
    if (known) {
      known.value = value
      known.time = time
    } else if (hasRoom(readings)) readings.set(key, { device, topic, value, time })
    else overflowed += 1
  }

  return {
    note,
    current() {
      sweep()
      return [...readings.values()]
    },
    lastSeen() {
      sweep()
      return new Map(seen)
    },
    get overflowed() {
      return overflowed
    },
  }
}

const LONGEST_NUMBER = 40
const NUMBER = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/

/** The decimal number that is the whole payload, or null; `0x10`, `Infinity` and the empty payload are none. */
export function numberIn(payload: Buffer): number | null {
  if (payload.length === 0 || payload.length > LONGEST_NUMBER) return null
  const text = payload.toString('latin1')
  if (!NUMBER.test(text)) return null
  const value = Number(text)
  return Number.isFinite(value) ? value : null
}
