// Works on a store until it is killed. Before each try and after each answer it writes a line that
// crash-clients.ts reads: into a file, because a write to a pipe may be lost when the process is killed.
import { openSync, writeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Fsync } from '../../../src/broker/store/sqlite-file.ts'
import { openSqliteJournal } from '../../../src/broker/store/sqlite-journal.ts'
import { CROWD } from './crash-clients.ts'
import { openOn } from './test-broker.ts'
import { receive, release } from './traffic.ts'

const [directory = '', round = '0', log = '', fsync = ''] = process.argv.slice(2)
const file = openSync(log, 'w')
function say(...words: (string | number)[]): void {
  writeSync(file, `${words.join(' ')}\n`)
  process.stdout.write('.')
}

let last = Number(round) * 1_000_000
const next = () => ++last

const journal = await openSqliteJournal(directory, { fsync: fsync as Fsync })
const limits = { messagesPerSession: 1e6, sessions: 1e6, sessionsPerDevice: 1e6 }
const at = await openOn(journal, { limits })
const { sessions } = at.broker
const consumer = await at.connect('consumer')
await consumer.subscribe('#', 2)
await (await at.connect('collector')).subscribe('#', 2)
for (const name of CROWD) {
  const client = await at.connect(name)
  await client.subscribe('#', 2)
  client.leave()
}
for (const filter of ['#', '$x/#'])
  await at.broker.subscribe([filter], ({ payload, topic, sequence }) => {
    if (topic !== 'gone') say('handed', String(payload), sequence)
  })
say('open', at.broker.log.epoch())

/** Publishes with QoS 1, and waits for each PUBACK. */
async function publishQos1(publisher: number): Promise<void> {
  for (;;) {
    const n = next()
    say('publish', n, publisher)
    await at.publish(`reading/${publisher}`, `${n}`, { time: Date.now() })
    say('puback', n)
  }
}

/** Publishes with QoS 0. */
async function publishQos0(): Promise<void> {
  for (;;) {
    const n = next()
    say('publish0', n)
    await at.publish('reading/0', `${n}`, { qos: 0, time: Date.now() })
    await pause(1)
  }
}

/** Publishes with QoS 2, each from PUBLISH to PUBCOMP, always with the same identifier. */
async function publishQos2(publisher: number): Promise<void> {
  const client = await at.connect(`publisher${publisher}`)
  for (;;) {
    const n = next()
    say('publish2', n, publisher)
    const more = { topic: `exact/${publisher}`, retain: n % 2 === 0, time: Date.now() }
    await receive(at, client, 1, `${n}`, more)
    say('pubrec', n)
    await release(at, client, 1)
    say('pubcomp', n)
  }
}

async function retain(topic: number): Promise<void> {
  for (;;) {
    const n = next()
    say('retain', n, topic)
    await at.publish(`$x/${topic}`, `${n}`, { retain: true, time: Date.now() })
    say('retained', n, topic)
  }
}

async function subscribeAndWill(): Promise<void> {
  for (;;) {
    const n = next()
    const message = { topic: 'gone', payload: Buffer.from(`${n}`), qos: 1, retain: false } as const
    const will = { message: { ...message, properties: null }, messageExpiry: null, delay: 0 }
    const client = await at.connect(`client${n}`, { will })
    say('will', n)
    await client.subscribe(`only/${n}`, 1)
    say('suback', n)
  }
}

/** Receives and acknowledges messages as a client does. */
async function consume(): Promise<void> {
  for (;;) {
    for (const entry of consumer.send(100)) {
      const n = String(entry.message?.payload ?? 'PUBREL')
      // the identifier of a QoS 2 message is stored before the message is sent
      if (entry.qos === 2) await sessions.stored()
      if (!entry.isReleased) say('received', n, entry.qos, entry.packetId)
      if (entry.qos === 2) {
        await sessions.release(consumer.session, entry)
        say('released', n)
      }
      consumer.acknowledge(entry)
      say('acknowledged', n)
    }
    await new Promise(setImmediate)
  }
}

/** Comes back at random times, receives part of its queue, and leaves. */
async function comeAndGo(name: string): Promise<void> {
  for (;;) {
    await pause(Math.random() * 50)
    const client = await at.connect(name)
    for (const entry of client.send(Math.random() * 100)) {
      const n = String(entry.message?.payload ?? 'PUBREL')
      if (!entry.isReleased) say('got', n, name)
      if (Math.random() < 0.1) continue
      if (entry.qos === 2) await sessions.release(client.session, entry)
      client.acknowledge(entry)
    }
    client.leave()
  }
}

const failed = (error: unknown) => {
  say('failed', String(error))
  process.exit(1)
}
for (const publisher of [1, 2, 3, 4]) publishQos1(publisher).catch(failed)
for (const publisher of [1, 2, 3]) publishQos2(publisher).catch(failed)
publishQos0().catch(failed)
for (const topic of [1, 2]) retain(topic).catch(failed)
subscribeAndWill().catch(failed)
consume().catch(failed)
for (const name of CROWD.slice(0, 2)) comeAndGo(name).catch(failed)
