// What a large log costs: node bench/growth.ts [ENTRIES] [BYTES]. A million entries of 1,000 bytes are 1 GiB and take a
// minute; without arguments it is a tenth of that. Opening is in a process of its own, whose memory is all it has.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { createAccess } from '../src/acl/access.ts'
import { openEmbedded } from '../src/broker/embedded.ts'
import { DEFAULT_RETENTION, type Retention } from '../src/broker/store/retention.ts'
import { openSqliteFile } from '../src/broker/store/sqlite-file.ts'
import { openSqliteJournal } from '../src/broker/store/sqlite-journal.ts'
import { openStore } from '../src/broker/store/store.ts'
import type { Message } from '../src/topic/message.ts'
import { aclOf } from '../test/support/acl.ts'

const TOPICS = 1_000
const QUEUED = 10_000
const RATE = 1_000
const SECONDS = 8
const acl = aclOf('pattern readwrite #\n')
const print = (line: string) => process.stdout.write(`${line}\n`)
const round = (value: number, digits = 0) => value.toFixed(digits).padStart(8)

/** A store of so many messages on a thousand topics, the last of each retained, with ten thousand that wait for a session. */
function fill(directory: string, entries: number, bytes: number): void {
  const { db } = openSqliteFile(directory, { fsync: 'never' })
  const append = db.prepare(
    'INSERT INTO log (number, topic, payload, qos, retain, device, time) VALUES (?, ?, ?, 1, 0, ?, ?)',
  )
  const payload = Buffer.alloc(bytes, 'x')
  const start = Date.now() - entries * 100 - 120_000
  for (let number = 1; number <= entries; number++) {
    if (number % 10_000 === 1) db.exec('BEGIN')
    const n = number % TOPICS
    append.run(number, `site/${n}/t`, payload, `d${n % 100}.d.wott.local`, start + number * 100)
    if (number % 10_000 === 0 || number === entries) db.exec('COMMIT')
  }
  db.exec(`
    BEGIN;
    INSERT INTO retained SELECT topic, max(number) FROM log GROUP BY topic;
    INSERT INTO sessions VALUES (1, 'd1.d.wott.local/away', ${Date.now()}, 0, 604800);
    INSERT INTO queue (id, session, message, qos, packet_id)
      SELECT number, 1, number, 1, 0 FROM log ORDER BY number DESC LIMIT ${QUEUED};
    COMMIT`)
  db.close()
}

async function open(directory: string, retention: Retention = DEFAULT_RETENTION) {
  const journal = await openSqliteJournal(directory, { fsync: 'always', retention })
  const accessOf = (user: string, clientId: string) => createAccess(acl, { user, clientId })
  const limits = { queueMessages: QUEUED * 2, queueBytes: 1e9 }
  const store = await openStore({ journal, limits, accessOf })
  return { store, broker: openEmbedded({ store, log: pino({ level: 'silent' }) }) }
}

async function untilCounted(usage: () => unknown): Promise<void> {
  while (usage() === null) await setTimeout(20)
}

/** In a process of its own. */
async function opening(directory: string): Promise<void> {
  const before = process.memoryUsage().rss
  const start = performance.now()
  const { store, broker } = await open(directory)
  const took = performance.now() - start
  const rss = process.memoryUsage().rss
  await untilCounted(store.log.usage)
  const counted = performance.now() - start
  const most = process.resourceUsage().maxRSS / 1024
  print(
    `  open after        ${round(took)} ms, ${round((rss - before) / 2 ** 20)} MiB more in memory`,
  )
  print(`  counted after     ${round(counted)} ms, ${round(most)} MiB at most in all`)
  await broker.close()
}

function messageOf(n: number, bytes: number): Message {
  return {
    topic: `site/${n % TOPICS}/t`,
    payload: Buffer.alloc(bytes, 'x'),
    qos: 1,
    retain: false,
    device: `d${n % 100}.d.wott.local`,
    time: Date.now(),
    properties: null,
    expires: null,
  }
}

/** How long QoS 1 messages take to be stored at a thousand a second, while `isGoingOn`. */
async function latencies(
  publish: (message: Message) => Promise<void> | undefined,
  bytes: number,
  isGoingOn: () => boolean,
): Promise<number[]> {
  const took: number[] = []
  const underway: Promise<void>[] = []
  const start = performance.now()
  let sent = 0
  while (isGoingOn()) {
    for (const due = ((performance.now() - start) / 1000) * RATE; sent < due; sent++) {
      const begin = performance.now()
      const stored = Promise.resolve(publish(messageOf(sent, bytes)))
      underway.push(stored.then(() => void took.push(performance.now() - begin)))
    }
    await setTimeout(1)
  }
  await Promise.all(underway)
  return took.sort((a, b) => a - b)
}

function show(name: string, took: readonly number[]): void {
  const at = (part: number) => round(took[Math.floor((took.length - 1) * part)] ?? 0, 1)
  print(`  ${name.padEnd(17)} ${at(0.5)} ms, 99 of 100 ${at(0.99)} ms, slowest ${at(1)} ms`)
}

async function trimming(directory: string, count: number, bytes: number): Promise<void> {
  const full = await open(directory)
  const before = await forSeconds(SECONDS, (isGoingOn) =>
    latencies(full.broker.publish, bytes, isGoingOn),
  )
  show('nothing to trim', before)
  await full.broker.close()
  const half = { ...DEFAULT_RETENTION, bytes: (count * (bytes + 110)) / 2 }
  const { store, broker } = await open(directory, half)
  await untilCounted(store.log.usage)
  const start = performance.now()
  const entries = () => store.log.usage()?.entries ?? 0
  const first = entries()
  const during = await forSeconds(SECONDS, (isGoingOn) =>
    latencies(broker.publish, bytes, isGoingOn),
  )
  const gone = (first + during.length - entries()) / ((performance.now() - start) / 1000)
  show('trimming', during)
  print(`  trimmed           ${round(gone)} messages a second`)
  const copy = join(directory, 'copy.sqlite')
  let isCopied = false
  const copying = store.admin?.backup(copy).then(() => {
    isCopied = true
  })
  show('making a backup', await latencies(broker.publish, bytes, () => !isCopied))
  await copying
  rmSync(copy)
  await broker.close()
}

function forSeconds<T>(seconds: number, work: (isGoingOn: () => boolean) => T): T {
  const end = performance.now() + seconds * 1000
  return work(() => performance.now() < end)
}

function sizeOf(directory: string): string {
  const files = readdirSync(directory).map((name) => statSync(join(directory, name)).size)
  return `${(files.reduce((sum, size) => sum + size, 0) / 2 ** 20).toFixed(0)} MiB`
}

const [first = '100000', second = '1000'] = process.argv.slice(2)
if (first === 'open') await opening(second)
else {
  const directory = mkdtempSync(join(tmpdir(), 'wott-growth-'))
  try {
    fill(directory, Number(first), Number(second))
    print(`opening ${first} messages of ${second} bytes, ${sizeOf(directory)}`)
    execFileSync(process.execPath, [fileURLToPath(import.meta.url), 'open', directory], {
      stdio: 'inherit',
    })
    print(`storing QoS 1, ${RATE} a second, one commit after the other`)
    await trimming(directory, Number(first), Number(second))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
