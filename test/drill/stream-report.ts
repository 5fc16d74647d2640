import assert from 'node:assert/strict'
import type { KillableGateway } from './gateway.ts'
import type { Ledger } from './publishers.ts'
import { type StreamReader, startStream } from './streams.ts'

export interface StreamReport {
  readonly events: number
  readonly gaps: number
  /** What one that came back in the end for everything since the first event was given. */
  readonly readAgain: number
}

/**
 * Whether a stream that resumed after each crash has all that was acknowledged, in order and once, and so has one that comes
 * back in the end.
 */
export async function checkStreams(
  gateway: KillableGateway,
  reader: StreamReader,
  ledger: Ledger,
): Promise<StreamReport> {
  const everything = Object.entries(ledger.acknowledged).flatMap(([kind, payloads]) =>
    kind.startsWith('fleeting') ? [] : [...payloads.keys()],
  )
  const crashes = gateway.lives.length - 1
  await reader.has(everything)
  checkReader(reader, ledger)
  // it may have had no time to come back between two
  assert.ok(reader.gaps.length <= crashes && (crashes === 0 || reader.gaps.length > 0))

  const [firstPayload] = reader.seen.keys()
  using again = startStream(gateway, reader.ids[0])
  await again.has(everything.filter((payload) => payload !== firstPayload))
  checkReader(again, ledger)
  assert.equal(again.gaps.length, Math.min(1, crashes))
  // a QoS 0 message may have reached one and not the disk, and none of these has QoS 0
  assert.deepEqual(again.ids, reader.ids.slice(1))
  return { events: reader.ids.length, gaps: reader.gaps.length, readAgain: again.ids.length }
}

function checkReader({ ids, seen, faults, gaps }: StreamReader, { sent }: Ledger): void {
  assert.deepEqual(faults, [])
  assert.equal(new Set(ids).size, ids.length, 'an id came twice')
  for (const [payload, count] of seen) {
    assert.ok(sent.has(payload), `${payload} came, and nobody sent it`)
    if (payload.includes('qos2')) assert.equal(count, 1, `${payload} came ${count} times`)
  }
  for (const gap of gaps)
    assert.partialDeepStrictEqual(JSON.parse(gap), { reason: 'restart', qos: 0, seconds: 1 })
}
