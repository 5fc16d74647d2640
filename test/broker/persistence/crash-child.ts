// Works on a store until it is killed. Writes down what it tries, before, and what was answered,
// after, in the words that crash.test.ts reads: into a file, as only that is there when it returns.
import { openSync, writeSync } from 'node:fs'
import { openPersistence } from '../../../src/broker/persistence/persistence.ts'
import { openSqliteJournal } from '../../../src/broker/persistence/sqlite-journal.ts'
import { packetOf, publish, subscribe } from './traffic.ts'

const [directory = '', round = '0', log = ''] = process.argv.slice(2)
const file = openSync(log, 'w')
function say(...words: (string | number)[]): void {
  writeSync(file, `${words.join(' ')}\n`)
  process.stdout.write('.')
}

let last = Number(round) * 1_000_000
const next = () => ++last

const journal = await openSqliteJournal(directory, { fsync: 'never' })
const store = await openPersistence({ journal, limits: { queueMessages: 1e6 } })
await store.setup({ id: `boot${round}` })
await subscribe(store, 'consumer', ['#', 2])
await subscribe(store, 'collector', ['#', 2])
say('open')

/** QoS 1, each publisher waiting for its PUBACK. */
async function publishQos1(publisher: number): Promise<void> {
  for (;;) {
    const n = next()
    say('publish', n, publisher)
    await publish(store, packetOf(`reading/${publisher}`, `${n}`))
    say('puback', n)
  }
}

/** QoS 2 from the PUBLISH to the PUBCOMP, with the same identifier again and again. */
async function publishQos2(publisher: number): Promise<void> {
  const client = { id: `publisher${publisher}` }
  for (;;) {
    const n = next()
    const retain = n % 2 === 0
    const packet = packetOf(`exact/${publisher}`, `${n}`, { qos: 2, messageId: 1, retain })
    say('publish2', n, publisher)
    await store.incomingStorePacket(client, packet)
    await publish(store, { ...packet, messageId: undefined })
    say('pubrec', n)
    await store.incomingDelPacket(client, { messageId: 1 })
    say('pubcomp', n)
  }
}

async function retain(topic: number): Promise<void> {
  for (;;) {
    const n = next()
    say('retain', n, topic)
    await store.storeRetained(packetOf(`retained/${topic}`, `${n}`, { retain: true }))
    say('retained', n, topic)
  }
}

async function subscribeAndWill(): Promise<void> {
  for (;;) {
    const n = next()
    const client = { id: `client${n}` }
    const will = { topic: 'gone', payload: Buffer.from(`${n}`), qos: 1 } as const
    await store.putWill(client, { ...will })
    say('will', n)
    await subscribe(store, client.id, [`only/${n}`, 1])
    say('suback', n)
  }
}

/** Receives as a client does, and answers what it received. */
async function consume(): Promise<void> {
  const client = { id: 'consumer' }
  let messageId = 0
  for (;;) {
    for (const packet of store.outgoing(client)) {
      if (packet.cmd === 'pubrel') continue
      const n = String(packet.payload)
      packet.messageId ??= messageId = (messageId % 65_535) + 1
      await store.outgoingUpdate(client, packet)
      say('received', n, packet.qos, packet.messageId)
      if (packet.qos === 2) {
        await store.outgoingUpdate(client, { cmd: 'pubrel', messageId: packet.messageId })
        say('released', n)
      }
      await store.outgoingClearMessageId(client, { messageId: packet.messageId })
      say('acknowledged', n)
    }
    await new Promise(setImmediate)
  }
}

const failed = (error: unknown) => {
  say('failed', String(error))
  process.exit(1)
}
for (const publisher of [1, 2, 3, 4]) publishQos1(publisher).catch(failed)
for (const publisher of [1, 2, 3]) publishQos2(publisher).catch(failed)
for (const topic of [1, 2]) retain(topic).catch(failed)
subscribeAndWill().catch(failed)
consume().catch(failed)
