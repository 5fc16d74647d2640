import { SLASH } from './ascii.ts'

/** A topic as the broker sees it. */
export interface TopicBytes {
  readonly bytes: Buffer
  /** Where each level ends. */
  readonly ends: readonly number[]
}

/** Finds the levels of a topic once, for all rules that are compared with it. */
export function toTopicBytes(topic: string): TopicBytes {
  const bytes = Buffer.from(topic)
  const ends: number[] = []
  for (let at = 0; at < bytes.length; at++) if (bytes[at] === SLASH) ends.push(at)
  ends.push(bytes.length)
  return { bytes, ends }
}

/** Where a level begins. */
export function startOf({ ends }: TopicBytes, level: number): number {
  return level === 0 ? 0 : (ends[level - 1] ?? 0) + 1
}

/** A name that patterns put in, and where it stands in one topic. */
export interface NameInTopic {
  readonly bytes: Buffer
  readonly length: number
  readonly slashes: number
  /** 1 at each byte of the topic where the name begins; not looked for before a pattern asks. */
  places: Uint8Array | null
}

/** A WoTT ID or client id, for the patterns that contain `%u` or `%c`. */
export function toNameInTopic(name: string): NameInTopic {
  const bytes = Buffer.from(name)
  return { bytes, length: bytes.length, slashes: name.split('/').length - 1, places: null }
}

/**
 * Marks where `wanted` stands in `bytes` (Knuth, Morris, Pratt). Clients choose their ids and their topics:
 * comparing at each place anew would let "aaaa…" choose what thousands of patterns cost.
 */
export function placesOf(wanted: Uint8Array, bytes: Uint8Array): Uint8Array {
  const places = new Uint8Array(bytes.length)
  if (wanted.length > bytes.length) return places
  const borders = new Uint32Array(wanted.length)
  const extend = (matched: number, byte: number | undefined) => {
    let length = matched
    while (length > 0 && wanted[length] !== byte) length = borders[length - 1] ?? 0
    return wanted[length] === byte ? length + 1 : 0
  }
  for (let at = 1; at < wanted.length; at++) borders[at] = extend(borders[at - 1] ?? 0, wanted[at])
  for (let at = 0, matched = 0; at < bytes.length; at++) {
    matched = extend(matched, bytes[at])
    if (matched === wanted.length) places[at + 1 - matched] = 1
  }
  return places
}
