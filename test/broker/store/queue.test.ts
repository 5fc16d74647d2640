import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createQueue } from '../../../src/broker/store/queue.ts'
import type { Queue, QueueEntry } from '../../../src/broker/store/queue-types.ts'
import { message } from '../../support/message.ts'

const MAX_PACKET_ID = 65_535

let lastId = 0

function entryOf(more: Partial<QueueEntry> = {}): QueueEntry {
  lastId += 1
  return {
    id: lastId,
    qos: 1,
    retain: false,
    identifiers: null,
    sharedName: null,
    message: {
      ...message('x', String(lastId), { expires: lastId % 3 === 0 ? null : lastId % 7 }),
      sequence: lastId,
    },
    shared: null,
    bundle: null,
    since: 0,
    bytes: 10,
    packetId: 0,
    isReleased: false,
    isMoving: false,
    ...more,
  }
}

/** What a queue should hold, as plain lists. */
interface Model {
  reserved: QueueEntry[]
  unsent: QueueEntry[]
  sent: QueueEntry[]
  /** Sent on an earlier connection, but not yet on this one. */
  repeats: QueueEntry[]
}

/** A change of a queue and its model; does nothing where the model has no entry for it. */
type Step = (model: Model, queue: Queue, pick: number) => void

function take(list: QueueEntry[], entry: QueueEntry): void {
  const index = list.indexOf(entry)
  if (index >= 0) list.splice(index, 1)
}

function pickFrom(list: readonly QueueEntry[], pick: number): QueueEntry | undefined {
  return list[pick % Math.max(1, list.length)]
}

const STEPS: Record<string, Step> = {
  reserve({ reserved }, queue, pick) {
    const entry = entryOf({ bytes: pick })
    reserved.push(entry)
    queue.reserve(entry)
  },
  admit(model, queue, pick) {
    const entry = pickFrom(model.reserved, pick) ?? entryOf({ bytes: pick })
    take(model.reserved, entry)
    model.unsent.push(entry)
    queue.admit(entry)
  },
  withhold({ unsent, reserved }, queue, pick) {
    const entry = pickFrom(unsent, pick)
    if (!entry) return
    take(unsent, entry)
    reserved.push(entry)
    queue.withhold(entry)
  },
  send({ unsent, sent, repeats }, queue) {
    const entry = queue.next()
    assert.equal(entry, repeats[0] ?? unsent[0])
    if (!entry) return
    const { packetId } = entry
    queue.sent(entry)
    if (packetId > 0) {
      assert.equal(entry.packetId, packetId)
      take(repeats, entry)
    } else {
      take(unsent, entry)
      sent.push(entry)
    }
  },
  sendAtOnce({ sent }, queue, pick) {
    const entry = entryOf({ bytes: pick })
    sent.push(entry)
    queue.admitSent(entry)
  },
  sendAgain({ sent, repeats }, queue, pick) {
    const entry = pickFrom(sent, pick)
    if (!entry) return
    const { packetId } = entry
    queue.sent(entry)
    take(repeats, entry)
    assert.equal(entry.packetId, packetId)
  },
  release({ sent }, queue, pick) {
    const entry = pickFrom(sent, pick)
    if (!entry) return
    queue.dropMessage(entry)
    assert.equal(entry.message, null)
  },
  acknowledge({ sent, repeats }, queue, pick) {
    const entry = pickFrom(sent, pick)
    if (!entry) return
    queue.remove(entry)
    queue.remove(entry)
    take(sent, entry)
    take(repeats, entry)
  },
  drop({ unsent, reserved }, queue, pick) {
    const entry = pickFrom([...unsent, ...reserved], pick)
    if (!entry) return
    queue.remove(entry)
    take(unsent, entry)
    take(reserved, entry)
  },
  expire({ unsent }, queue, pick) {
    const past = unsent.filter(({ message }) => message?.expires != null && message.expires <= pick)
    assert.deepEqual(queue.expired(pick), past)
    for (const entry of past) {
      queue.remove(entry)
      take(unsent, entry)
    }
  },
  rewind(model, queue) {
    model.repeats = [...model.sent]
    queue.rewind()
  },
}

function check({ reserved, unsent, sent, repeats }: Model, queue: Queue, share: { bytes: number }) {
  const all = [...sent, ...unsent, ...reserved]
  assert.deepEqual(queue.all(), all)
  assert.deepEqual(queue.admitted(), [...sent, ...unsent])
  assert.equal(queue.length(), all.length)
  assert.equal(queue.inFlight(), sent.length - repeats.length)
  assert.equal(queue.next(), repeats[0] ?? unsent[0])
  assert.equal(queue.oldestUnsent(), unsent[0])
  const bytes = all.reduce((sum, entry) => sum + (entry.message ? entry.bytes : 0), 0)
  assert.equal(queue.bytes(), bytes)
  assert.equal(share.bytes, 1_000 + bytes)
  for (const entry of sent) assert.equal(queue.byPacketId(entry.packetId), entry)
  assert.equal(new Set(sent.map(({ packetId }) => packetId)).size, sent.length)
  for (const { packetId } of [...unsent, ...reserved]) assert.equal(packetId, 0)
}

describe('a queue', () => {
  test('holds the same as plain lists, whatever happens to it', () => {
    const step = fc.record({ name: fc.constantFrom(...Object.keys(STEPS)), pick: fc.nat(20) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (steps) => {
        // the bytes of other queues of the device
        const share = { bytes: 1_000 }
        const queue = createQueue(share)
        const model: Model = { reserved: [], unsent: [], sent: [], repeats: [] }
        for (const { name, pick } of steps) {
          STEPS[name]?.(model, queue, pick)
          check(model, queue, share)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('gives no packet identifier twice while it is in use [MQTT-2.3.1-4]', () => {
    const queue = createQueue({ bytes: 0 })
    const send = () => {
      const entry = entryOf()
      queue.admit(entry)
      queue.sent(entry)
      return entry
    }
    const stays = send()
    assert.equal(stays.packetId, 1)
    for (let packetId = 2; packetId <= MAX_PACKET_ID; packetId++) {
      const entry = send()
      assert.equal(entry.packetId, packetId)
      queue.remove(entry)
    }
    // after all identifiers were used, 1 is still in flight
    assert.equal(send().packetId, 2)
    queue.remove(stays)
    assert.equal(send().packetId, 3)
  })

  test('gives nothing to send while all packet identifiers are in use', () => {
    const queue = createQueue({ bytes: 0 })
    const entries = Array.from({ length: MAX_PACKET_ID + 1 }, () => entryOf())
    for (const entry of entries) queue.admit(entry)
    for (let entry = queue.next(); entry; entry = queue.next()) queue.sent(entry)
    assert.equal(queue.inFlight(), MAX_PACKET_ID)
    assert.equal(queue.length(), MAX_PACKET_ID + 1)
    queue.remove(queue.byPacketId(700) as QueueEntry)
    const last = queue.next() as QueueEntry
    assert.equal(last, entries.at(-1))
    queue.sent(last)
    assert.equal(last.packetId, 700)
  })

  test('continues after the highest identifier in use when it is restored', () => {
    const queue = createQueue({ bytes: 0 })
    const restored = [
      entryOf({ packetId: 2 }),
      entryOf({ packetId: 1, message: null, isReleased: true }),
      entryOf(),
    ]
    for (const entry of restored) queue.admit(entry)
    queue.rewind()
    assert.equal(queue.inFlight(), 0)
    assert.equal(queue.bytes(), 20)
    const sent: QueueEntry[] = []
    for (let entry = queue.next(); entry; entry = queue.next()) {
      queue.sent(entry)
      sent.push(entry)
    }
    assert.deepEqual(sent, restored)
    assert.deepEqual(
      sent.map(({ packetId }) => packetId),
      [2, 1, 3],
    )
  })
})
