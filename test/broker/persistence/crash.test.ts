import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Persistence } from '../../../src/broker/persistence/persistence.ts'
import { openFile, temporaryDirectory } from './stores.ts'
import { packetOf, publish } from './traffic.ts'

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 4)
const CHILD = fileURLToPath(new URL('./crash-child.ts', import.meta.url))
const limits = { queueMessages: 1e6 }

/** Runs the child on the store and kills it after about that many lines; returns all that it wrote. */
async function runAndKill(directory: string, round: number, lines: number): Promise<string[][]> {
  const log = join(directory, 'log')
  const stdio = ['ignore', 'pipe', 'inherit'] as const
  const child = spawn(process.execPath, [CHILD, directory, `${round}`, log], { stdio: [...stdio] })
  const exited = once(child, 'exit')
  let heard = 0
  for await (const dots of child.stdout) {
    heard += dots.length
    if (heard >= lines) child.kill('SIGKILL')
  }
  const [, signal] = await exited
  const said = readFileSync(log, 'utf8').split('\n').slice(0, -1)
  assert.equal(signal, 'SIGKILL', `the child ended by itself: ${said.at(-1)}`)
  return said.map((line) => line.split(' '))
}

/** What clients know of the numbered messages, over all rounds. */
function createClients() {
  const publisherOf = new Map<string, string>()
  const acknowledged = new Set<string>()
  const received = new Map<string, { qos: string; messageId: number }>()
  const released = new Set<string>()
  /** The last QoS 2 exchange of each publisher, and whether it had its PUBREC. */
  const exchanges = new Map<string, { n: string; pubrec: boolean }>()
  const retained = new Map<string, { tried: number; answered: number }>()
  const subscribed: string[] = []
  const wills: string[] = []

  function hear([word, n = '', first = '', second = '']: string[]): void {
    if (word === 'publish' || word === 'publish2') publisherOf.set(n, `${word} ${first}`)
    if (word === 'puback' || word === 'pubrec') acknowledged.add(n)
    if (word === 'publish2') exchanges.set(`publisher${first}`, { n, pubrec: false })
    for (const [client, exchange] of exchanges) {
      if (exchange.n !== n) continue
      if (word === 'pubrec') exchange.pubrec = true
      if (word === 'pubcomp') exchanges.delete(client)
    }
    if (word === 'received') received.set(n, { qos: first, messageId: Number(second) })
    if (word === 'released') released.add(n)
    if (word === 'retain' || word === 'retained') {
      const { tried, answered } = retained.get(first) ?? { tried: 0, answered: 0 }
      if (word === 'retain') retained.set(first, { tried: Number(n), answered })
      else retained.set(first, { tried, answered: Number(n) })
    }
    if (word === 'suback') subscribed.push(n)
    if (word === 'will') wills.push(n)
  }

  /** Waiting for a client: number, and what it would be sent with. */
  function waiting(store: Persistence, id: string) {
    const found = new Map<string, { messageId: number | undefined; dup: boolean | undefined }>()
    for (const packet of store.outgoing({ id })) {
      if (packet.cmd === 'pubrel') continue
      const n = String(packet.payload)
      assert.ok(!found.has(n), `${n} is queued twice for ${id}`)
      found.set(n, { messageId: packet.messageId, dup: packet.dup })
    }
    return found
  }

  async function check(store: Persistence): Promise<void> {
    const collected = waiting(store, 'collector')
    const consuming = waiting(store, 'consumer')
    for (const n of acknowledged) assert.ok(collected.has(n), `${n} was acknowledged and is lost`)

    const last = new Map<string, number>()
    for (const n of collected.keys()) {
      const publisher = publisherOf.get(n) ?? ''
      assert.ok(Number(n) > (last.get(publisher) ?? 0), `${n} is out of order`)
      last.set(publisher, Number(n))
      assert.ok(consuming.has(n) || received.has(n), `${n} reached one queue of two`)
    }
    for (const [n, { messageId, dup }] of consuming) {
      assert.ok(collected.has(n), `${n} reached one queue of two`)
      assert.ok(!released.has(n), `${n} was released and would be sent again`)
      const before = received.get(n)
      if (before?.qos !== '2') continue
      assert.deepEqual({ messageId, dup }, { messageId: before.messageId, dup: true })
    }
    for (const [topic, { tried, answered }] of retained) {
      const [packet] = await store.retained(`retained/${topic}`)
      const kept = Number(packet?.payload ?? 0)
      assert.ok(answered <= kept && kept <= tried, `retained ${kept}, not ${answered} to ${tried}`)
    }
    for (const n of subscribed) {
      const subs = await store.subscriptionsByClient({ id: `client${n}` })
      assert.deepEqual(subs, [{ topic: `only/${n}`, qos: 1 }])
    }
    for (const n of wills)
      assert.equal(String((await store.getWill({ id: `client${n}` }))?.payload), n)
  }

  /** Publishers come back: without a PUBREC they send their DUP, with one their PUBREL. */
  async function reconnect(store: Persistence): Promise<void> {
    const before = waiting(store, 'collector')
    for (const [id, { n, pubrec }] of exchanges) {
      const from = { id }
      const named = { messageId: 1 }
      const known = await store.incomingGetPacket(from, named).then(
        () => true,
        () => false,
      )
      if (!pubrec) {
        assert.equal(known, before.has(n), `${n}: the DUP is ${known ? 'lost' : 'a second one'}`)
        if (!known) {
          const packet = packetOf('exact/dup', n, { qos: 2, ...named })
          await store.incomingStorePacket(from, packet)
          await publish(store, { ...packet, messageId: undefined })
        }
        acknowledged.add(n)
      }
      if (known || !pubrec) await store.incomingDelPacket(from, named)
    }
    exchanges.clear()
    const after = waiting(store, 'collector')
    for (const n of acknowledged) assert.ok(after.has(n), `${n} is lost`)
  }

  return { hear, check, reconnect, count: () => publisherOf.size }
}

test(`nothing acknowledged is lost or doubled by kill -9, ${ROUNDS} times`, async (t) => {
  const directory = temporaryDirectory()
  const clients = createClients()
  for (let round = 1; round <= ROUNDS; round++) {
    const lines = 1 + Math.floor(Math.random() * 2_000)
    for (const words of await runAndKill(directory, round, lines)) clients.hear(words)
    const store = await openFile(directory, { limits })
    await clients.check(store)
    await clients.reconnect(store)
    await store.destroy()
    t.diagnostic(`killed after ${lines} lines, ${clients.count()} messages so far`)
  }
})
