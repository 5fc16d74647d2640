import fc from 'fast-check'
import type { Version } from '../../src/mqtt/packets.ts'
import { generate } from './mqtt-packet.ts'
import { clientPacket } from './packets.ts'
import { bodyOf } from './wire.ts'

export interface Sent {
  readonly first: number
  readonly body: Buffer
}

/** A number from 0 to below `limit`. */
export type Random = (limit: number) => number

/** Repeatable random numbers (mulberry32). */
export function createRandom(seed: number): Random {
  let state = seed | 0
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * limit)
  }
}

/** Valid packets of every kind, repeatable by seed. */
export function samplePackets(version: Version, count: number, seed: number): Sent[] {
  return fc.sample(clientPacket(version), { numRuns: count, seed }).map((packet) => {
    const bytes = generate(packet, version)
    return { first: bytes[0] as number, body: bodyOf(bytes) }
  })
}

/** Bytes at the limits of lengths, flags and UTF-8. */
const EDGES = [0, 1, 2, 3, 5, 0x0b, 0x23, 0x26, 0x7f, 0x80, 0xc0, 0xe2, 0xed, 0xef, 0xf4, 0xff]

/** One of `packets` with one to four changed bytes, some of them harmless. */
export function mutate(packets: readonly Sent[], random: Random): Sent {
  const any = () => packets[random(packets.length)] as Sent
  let { first, body } = any()
  // some only get another first byte, so that a valid body is in the wrong packet
  if (random(8) === 0) first = random(256)
  for (let faults = random(4); faults >= 0; faults--) body = damage(body, any().body, random)
  return { first, body }
}

function damage(body: Buffer, other: Buffer, random: Random): Buffer {
  const at = random(body.length + 1)
  const end = at + random(Math.min(8, body.length - at + 1))
  switch (random(8)) {
    case 0:
      return replaced(body, at, 1 << random(8), true)
    case 1:
      return replaced(body, at, EDGES[random(EDGES.length)] as number, false)
    case 2:
      return Buffer.concat([body.subarray(0, at), body.subarray(end)])
    case 3:
      return body.subarray(0, at)
    case 4:
      return Buffer.concat([body.subarray(0, end), body.subarray(at)])
    case 5: {
      const start = random(other.length + 1)
      const piece = other.subarray(start, start + random(20))
      return Buffer.concat([body.subarray(0, at), piece, body.subarray(end)])
    }
    case 6:
      return Buffer.concat([
        body.subarray(0, at),
        Buffer.from([EDGES[random(EDGES.length)] as number]),
        body.subarray(at),
      ])
    default:
      return body
  }
}

/** `body` with the byte at `at` set to `byte` or, if `flips`, with those bits of it flipped. */
function replaced(body: Buffer, at: number, byte: number, flips: boolean): Buffer {
  if (at >= body.length) return body
  const copy = Buffer.from(body)
  copy[at] = flips ? (copy[at] as number) ^ byte : byte
  return copy
}
