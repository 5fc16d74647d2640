import assert from 'node:assert/strict'
import { it } from 'node:test'
import { decodePacket } from '../../src/mqtt/decode.ts'
import type { ClientPacket, Version } from '../../src/mqtt/packets.ts'
import { ProtocolError, Reason } from '../../src/mqtt/reasons.ts'

export const VERSIONS: readonly Version[] = [3, 4, 5]
export const BELOW_5: readonly Version[] = [3, 4]

export type Part = number | string | readonly number[] | Uint8Array

/** Joins parts: a number is one byte, a string is preceded by its length in two bytes, as in MQTT. */
export function bytes(...parts: readonly Part[]): Buffer {
  return Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'number') return Buffer.from([part])
      if (typeof part !== 'string') return Buffer.from(part)
      const text = Buffer.from(part)
      return Buffer.concat([Buffer.from([text.length >> 8, text.length & 0xff]), text])
    }),
  )
}

/** Properties, preceded by their length in one byte. */
export function properties(...parts: readonly Part[]): Buffer {
  const content = bytes(...parts)
  assert.ok(content.length < 128)
  return bytes(content.length, content)
}

export function bodyOf(packet: Buffer): Buffer {
  let at = 1
  while ((packet[at] as number) >= 0x80) at += 1
  return packet.subarray(at + 1)
}

type ReasonName = keyof typeof Reason

/** Packets that the decoder refuses, by reason code and then by fault. */
export type Refusals = {
  readonly [Name in ReasonName]?: Readonly<
    Record<string, readonly [version: Version | null, first: number, body: Buffer]>
  >
}

export function itRefuses(refusals: Refusals): void {
  for (const [reason, packets] of Object.entries(refusals))
    for (const [title, packet] of Object.entries(packets))
      it(title, () => assertRefused(...packet, reason as ReasonName))
}

/** Asserts that the decoder refuses a packet, with this reason code. */
export function assertRefused(
  version: Version | null,
  first: number,
  body: Buffer,
  reason: ReasonName,
): void {
  assert.throws(
    () => decodePacket(first, body, version),
    (error) => {
      assert.ok(error instanceof ProtocolError, String(error))
      assert.equal(nameOf(error.reason), reason, error.message)
      // the message is a sentence without its subject
      assert.match(error.message, /^(sent|uses) /)
      return true
    },
  )
}

function nameOf(reason: number): string | undefined {
  return Object.entries(Reason).find(([, code]) => code === reason)?.[0]
}

/** Asserts some fields of a decoded packet. */
export function assertDecoded(
  version: Version | null,
  first: number,
  body: Buffer,
  fields: Partial<ClientPacket>,
): void {
  assert.partialDeepStrictEqual(decodePacket(first, body, version), fields)
}
