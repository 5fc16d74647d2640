import assert from 'node:assert/strict'
import type { BrokerLog } from '../../../src/broker/broker.ts'
import type { Delivery } from '../../../src/broker/delivery.ts'
import type { QueueEntry } from '../../../src/broker/store/queue-types.ts'
import type { TestBroker } from './test-broker.ts'
import { receive, release } from './traffic.ts'

const STORED = new Set(['puback', 'pubrec', 'retained'])
const TRIED = new Set(['publish', 'publish2', 'publish0', 'retain'])

/** Clients that are away, except two that come and go. */
export const CROWD = Array.from({ length: 12 }, (_, n) => `crowd${n}`)

/** What clients know of the numbered messages of crash-child.ts, over all rounds. */
export function createClients() {
  const publisherOf = new Map<string, string>()
  const acknowledged = new Set<string>()
  /** The same, and what was retained. */
  const stored = new Set<string>()
  const received = new Map<string, { qos: string; packetId: number }>()
  const released = new Set<string>()
  /** What each client of the crowd received. */
  const got = new Set<string>()
  /** The last QoS 2 exchange of each publisher, and whether it has its PUBREC. */
  const exchanges = new Map<string, { n: string; pubrec: boolean }>()
  const retained = new Map<string, { tried: number; answered: number }>()
  const subscribed: string[] = []
  const wills: string[] = []
  /** The message of each sequence number, by the epoch that the broker had. */
  const givenBy = new Map<string, Map<number, string>>()
  let given = new Map<number, string>()

  function hear([word = '', n = '', first = '', second = '']: string[]): void {
    if (TRIED.has(word)) publisherOf.set(n, `${word} ${first}`)
    if (word === 'puback' || word === 'pubrec') acknowledged.add(n)
    if (STORED.has(word)) stored.add(n)
    if (word === 'publish2') exchanges.set(`publisher${first}`, { n, pubrec: false })
    for (const [client, exchange] of exchanges) {
      if (exchange.n !== n) continue
      if (word === 'pubrec') exchange.pubrec = true
      if (word === 'pubcomp') exchanges.delete(client)
    }
    if (word === 'received') received.set(n, { qos: first, packetId: Number(second) })
    if (word === 'got') got.add(`${n} ${first}`)
    if (word === 'released') released.add(n)
    if (word === 'retain' || word === 'retained') {
      const { tried, answered } = retained.get(first) ?? { tried: 0, answered: 0 }
      if (word === 'retain') retained.set(first, { tried: Number(n), answered })
      else retained.set(first, { tried, answered: Number(n) })
    }
    if (word === 'suback') subscribed.push(n)
    if (word === 'will') wills.push(n)
    if (word === 'open') {
      given = givenBy.get(n) ?? new Map()
      givenBy.set(n, given)
    }
    if (word === 'handed') {
      assert.ok(!given.has(Number(first)), `number ${first} was given twice`)
      given.set(Number(first), n)
    }
  }

  /** The queue of a client, by the payloads. */
  function waiting({ store }: TestBroker, client: string): Map<string, QueueEntry> {
    const found = new Map<string, QueueEntry>()
    const session = store.sessions.find(client)
    if (session) store.queueing.unpack(session)
    for (const entry of session?.queue.admitted() ?? []) {
      if (!entry.message) continue
      const n = String(entry.message.payload)
      assert.ok(!found.has(n), `${n} is queued twice for ${client}`)
      found.set(n, entry)
    }
    return found
  }

  async function check(at: TestBroker): Promise<void> {
    const { broker, store } = at
    await checkLog(at)
    const collected = waiting(at, 'collector')
    const consuming = waiting(at, 'consumer')
    for (const n of acknowledged) assert.ok(collected.has(n), `${n} was acknowledged and is lost`)

    const last = new Map<string, number>()
    for (const n of collected.keys()) {
      const publisher = publisherOf.get(n) ?? ''
      assert.ok(Number(n) > (last.get(publisher) ?? 0), `${n} is out of order`)
      last.set(publisher, Number(n))
      assert.ok(consuming.has(n) || received.has(n), `${n} reached one queue of two`)
    }
    for (const [n, { packetId }] of consuming) {
      assert.ok(collected.has(n), `${n} reached one queue of two`)
      assert.ok(!released.has(n), `${n} was released and would be sent again`)
      const before = received.get(n)
      if (before?.qos !== '2') continue
      assert.equal(packetId, before.packetId, `${n} would be sent again as another message`)
    }
    for (const client of CROWD) checkCrowd(client, collected, waiting(at, client))
    for (const [topic, { tried, answered }] of retained) {
      const [message] = await broker.retained(`$x/${topic}`)
      const kept = Number(message?.payload ?? 0)
      assert.ok(answered <= kept && kept <= tried, `retained ${kept}, not ${answered} to ${tried}`)
    }
    for (const n of subscribed) {
      const subscriptions = store.sessions.find(`client${n}`)?.subscriptions
      assert.equal(subscriptions?.get(`only/${n}`)?.qos, 1, `subscription ${n} is lost`)
    }
    for (const n of wills) {
      const { message } = store.wills.get(`client${n}`)?.will ?? {}
      assert.equal(String(message?.payload), n, `will ${n} is lost`)
    }
  }

  /** Checks that it has what the collector has, in the same order, except what it received. */
  function checkCrowd(
    client: string,
    collected: ReadonlyMap<string, QueueEntry>,
    own: ReadonlyMap<string, QueueEntry>,
  ): void {
    for (const n of collected.keys())
      assert.ok(own.has(n) || got.has(`${n} ${client}`), `${n} is lost to ${client}`)
    const last = new Map<string, number>()
    for (const n of own.keys()) {
      assert.ok(collected.has(n), `${n} reached ${client} only`)
      const publisher = publisherOf.get(n) ?? ''
      assert.ok(Number(n) > (last.get(publisher) ?? 0), `${n} is out of order for ${client}`)
      last.set(publisher, Number(n))
    }
  }

  /** Checks that the log holds every acknowledged message once, and nothing that nobody sent. */
  async function checkLog(at: TestBroker): Promise<void> {
    await checkNumbers(at)
    const { log } = at.broker
    const logged = new Set<string>()
    for await (const { topic, payload } of readLog(log)) {
      if (topic === 'gone') continue
      const n = String(payload)
      assert.ok(publisherOf.has(n), `${n} was never published`)
      assert.ok(!logged.has(n), `${n} is in the log twice`)
      logged.add(n)
    }
    for (const n of stored) assert.ok(logged.has(n), `${n} was acknowledged and is not in the log`)
  }

  /** Checks that no number is used again or for another message. */
  async function checkNumbers({ broker: { log } }: TestBroker): Promise<void> {
    const numbers = givenBy.get(log.epoch()) ?? new Map<number, string>()
    givenBy.set(log.epoch(), numbers)
    for (const number of numbers.keys())
      assert.ok(number <= log.start(), `${number} would be used again`)
    for await (const { sequence, topic, payload } of readLog(log)) {
      if (topic === 'gone') continue
      const n = String(payload)
      assert.equal(numbers.get(sequence) ?? n, n, `number ${sequence} is another message now`)
      numbers.set(sequence, n)
    }
  }

  /** Publishers come back: they repeat their PUBLISH with DUP, or after a PUBREC send their PUBREL. */
  async function reconnect(at: TestBroker): Promise<void> {
    const before = waiting(at, 'collector')
    for (const [name, { n, pubrec }] of exchanges) {
      const client = await at.connect(name)
      const known = client.session.arrivals.has(1)
      if (!pubrec) {
        assert.equal(known, before.has(n), `${n}: the DUP is ${known ? 'lost' : 'a second one'}`)
        assert.equal(
          await receive(at, client, 1, n, { topic: 'exact/dup', time: Date.now() }),
          !known,
        )
        acknowledged.add(n)
      }
      if (known || !pubrec) await release(at, client, 1)
    }
    exchanges.clear()
    const after = waiting(at, 'collector')
    for (const n of acknowledged) assert.ok(after.has(n), `${n} is lost`)
  }

  return {
    hear,
    check,
    checkNumbers,
    reconnect,
    count: () => publisherOf.size,
    acknowledged: () => acknowledged.size,
  }
}

async function* readLog(log: BrokerLog): AsyncGenerator<Delivery> {
  const upTo = log.start()
  for (let after = 0; after < upTo; ) {
    const page = await log.read({ after, upTo, filters: ['#', '$x/#'] })
    yield* page.deliveries
    after = page.reached
  }
}
