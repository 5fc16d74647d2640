import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Entry } from '../../../src/broker/store/queue.ts'
import { openFile, temporaryDirectory } from './stores.ts'
import type { TestBroker } from './test-broker.ts'
import { receive, release } from './traffic.ts'

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 4)
const CHILD = fileURLToPath(new URL('./crash-child.ts', import.meta.url))
const limits = { queueMessages: 1e6, sessions: 1e6, sessionsPerDevice: 1e6 }

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
  const received = new Map<string, { qos: string; packetId: number }>()
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
    if (word === 'received') received.set(n, { qos: first, packetId: Number(second) })
    if (word === 'released') released.add(n)
    if (word === 'retain' || word === 'retained') {
      const { tried, answered } = retained.get(first) ?? { tried: 0, answered: 0 }
      if (word === 'retain') retained.set(first, { tried: Number(n), answered })
      else retained.set(first, { tried, answered: Number(n) })
    }
    if (word === 'suback') subscribed.push(n)
    if (word === 'will') wills.push(n)
  }

  /** What waits for a client, by its number. */
  function waiting({ store }: TestBroker, client: string): Map<string, Entry> {
    const found = new Map<string, Entry>()
    for (const entry of store.sessions.find(client)?.queue.admitted() ?? []) {
      if (!entry.message) continue
      const n = String(entry.message.payload)
      assert.ok(!found.has(n), `${n} is queued twice for ${client}`)
      found.set(n, entry)
    }
    return found
  }

  async function check(at: TestBroker): Promise<void> {
    const { broker, store } = at
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

  /** Publishers come back: without a PUBREC they send their DUP, with one their PUBREL. */
  async function reconnect(at: TestBroker): Promise<void> {
    const before = waiting(at, 'collector')
    for (const [name, { n, pubrec }] of exchanges) {
      const client = await at.connect(name)
      const known = client.session.arrivals.has(1)
      if (!pubrec) {
        assert.equal(known, before.has(n), `${n}: the DUP is ${known ? 'lost' : 'a second one'}`)
        assert.equal(await receive(at, client, 1, n, { topic: 'exact/dup' }), !known)
        acknowledged.add(n)
      }
      if (known || !pubrec) await release(at, client, 1)
    }
    exchanges.clear()
    const after = waiting(at, 'collector')
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
    const at = await openFile(directory, { limits })
    await clients.check(at)
    await clients.reconnect(at)
    await at.broker.close()
    t.diagnostic(`killed after ${lines} lines, ${clients.count()} messages so far`)
  }
})
