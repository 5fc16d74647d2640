import assert from 'node:assert/strict'
import type { KillableGateway } from './gateway.ts'
import type { Ledger } from './publishers.ts'
import { type StreamReader, startStream } from './streams.ts'

export interface StreamReport {
  readonly events: number
  readonly gaps: number
  /** The result of a stream that resumes from the first event at the end. */
  readonly readAgain: number
}

/**
 * Checks that a stream that resumed after each crash has all acknowledged messages, in order and once, and that a stream that
 * resumes at the end has them too.
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
  // the stream may have had no time to reconnect between two crashes
  assert.ok(reader.gaps.length <= crashes && (crashes === 0 || reader.gaps.length > 0))

  const [firstPayload] = reader.seen.keys()
  using again = startStream(gateway, reader.ids[0])
  await again.has(everything.filter((payload) => payload !== firstPayload))
  checkReader(again, ledger)
  assert.equal(again.gaps.length, Math.min(1, crashes))
  // only QoS 0 messages may reach a stream without being on disk, and these have a higher QoS
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
