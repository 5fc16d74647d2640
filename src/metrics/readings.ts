import type { Message } from '../topic/message.ts'

export interface ReadingsOptions {
  /** Most (device, topic) pairs kept. */
  readonly series: number
  /** Most of them of one device. */
  readonly perDevice?: number
  /** How long a silent pair is kept, in milliseconds. */
  readonly ttlMs: number
  readonly now?: () => number
}

interface LastValue {
  readonly device: string
  readonly topic: string
  value: number
  /** When it was measured. */
  time: number
}

export interface Readings {
  note(message: Message): void
  /** Those whose device spoke within the TTL, in no order. */
  current(): LastValue[]
  /** When each device was last heard, in milliseconds since the Unix epoch; bounded and forgotten alike. */
  lastSeen(): Map<string, number>
  /** A device has connected with a certificate that ends then, in milliseconds since the Unix epoch. */
  noteCertificate(device: string, notAfter: number): void
  /** When the certificates of those end that `lastSeen` has. */
  certificateEnds(): Map<string, number>
  /** The same of one device; undefined where that is not known. Costs nothing, whatever there is of others. */
  certificateEnd(device: string): number | undefined
  /** How many messages found no room, since the start. */
  readonly overflowed: number
}

/** The last number that each device published to each topic. */
export function createReadings({
  series,
  perDevice = series,
  ttlMs,
  now = Date.now,
}: ReadingsOptions): Readings {
  const readings = new Map<string, Map<string, LastValue>>()
  let kept = 0
  const seen = new Map<string, number>()
  // by device; those that were not heard of stay while there is room, as a device connects before it publishes
  const ends = new Map<string, number>()
  let overflowed = 0
  let sweptAt = 0

  function sweep(): void {
    const oldest = now() - ttlMs
    for (const [device, topics] of readings) {
      for (const [topic, { time }] of topics)
        if (time < oldest) {
          topics.delete(topic)
          kept -= 1
        }
      if (topics.size === 0) readings.delete(device)
    }
    for (const [device, time] of seen) if (time < oldest) seen.delete(device)
    sweptAt = now()
  }

  /** Full is full until something expires; looked for at most once a second, so a flood of names costs nothing. */
  function hasRoom(size: () => number, most: number): boolean {
    if (size() >= most && now() - sweptAt >= 1000) sweep()
    return size() < most
  }

  /** One device does not take what there is for all. */
  function hasShare(device: string): boolean {
    return hasRoom(() => readings.get(device)?.size ?? 0, perDevice)
  }

  function note({ device, topic, payload, time, received }: Message): void {
    if (device === null) return
    if (seen.has(device) || hasRoom(() => seen.size, series)) seen.set(device, received)
    const value = numberIn(payload)
    if (value === null) return
    const known = readings.get(device)?.get(topic)
    // what comes late never replaces what is newer; arrival alone says nothing where the system's clock was set back
    if (time !== received && (time < now() - ttlMs || (known && time < known.time))) return
    // a topic of 65,535 bytes would be as much in every scrape
    if (topic.length > LONGEST_TOPIC) overflowed += 1
    else if (known) {
      known.value = value
      known.time = time
    } else if (hasShare(device) && hasRoom(() => kept, series)) keep({ device, topic, value, time })
    else overflowed += 1
  }

  function keep(reading: LastValue): void {
    const topics = readings.get(reading.device)
    if (topics) topics.set(reading.topic, reading)
    else readings.set(reading.device, new Map([[reading.topic, reading]]))
    kept += 1
  }

  return {
    note,
    noteCertificate(device, notAfter) {
      if (!ends.has(device) && ends.size >= series)
        for (const other of ends.keys()) if (!seen.has(other)) ends.delete(other)
      if (ends.has(device) || ends.size < series) ends.set(device, notAfter)
    },
    certificateEnds() {
      sweep()
      return new Map([...ends].filter(([device]) => seen.has(device)))
    },
    certificateEnd(device) {
      const heard = seen.get(device)
      return heard !== undefined && heard >= now() - ttlMs ? ends.get(device) : undefined
    },
    current() {
      sweep()
      return [...readings.values()].flatMap((topics) => [...topics.values()])
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

/** Characters of a topic that becomes a label. */
const LONGEST_TOPIC = 512
const LONGEST_NUMBER = 40
const NUMBER = /^\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*$/

/** The decimal number that is the whole payload, or null; `0x10`, `Infinity` and the empty payload are none. */
export function numberIn(payload: Buffer): number | null {
  if (payload.length === 0 || payload.length > LONGEST_NUMBER) return null
  const plain = plainNumberIn(payload)
  if (plain !== null) return plain
  const text = payload.toString('latin1')
  if (!NUMBER.test(text)) return null
  const value = Number(text)
  return Number.isFinite(value) ? value : null
}

/** Digits that a double holds exactly, and so a quotient of them and a power of ten is rounded once. */
const EXACT_DIGITS = 15
const [ZERO, POINT, MINUS] = [...Buffer.from('0.-')] as [number, number, number]

/** What most devices send, such as `-21.5`, without making text of it; null says nothing. */
function plainNumberIn(payload: Buffer): number | null {
  const negative = payload[0] === MINUS
  let [digits, count, scale] = [0, 0, 0]
  for (let at = negative ? 1 : 0; at < payload.length; at++) {
    const byte = payload[at] as number
    if (byte === POINT && scale === 0 && count > 0) {
      scale = 1
      continue
    }
    const digit = byte - ZERO
    if (digit < 0 || digit > 9 || ++count > EXACT_DIGITS) return null
    digits = digits * 10 + digit
    scale *= 10
  }
  if (count === 0) return null
  const value = scale > 1 ? digits / scale : digits
  return negative ? -value : value
}
