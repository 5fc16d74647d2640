// Measures the store: node --expose-gc bench/store.ts. Compare ratios, because absolute figures depend on the disk.
// Turns of the event loop are the 99th percentile.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { createAccess } from '../src/acl/access.ts'
import type { Broker } from '../src/broker/broker.ts'
import { openEmbedded } from '../src/broker/embedded.ts'
import type { ClientLink, Session } from '../src/broker/session.ts'
import type { SessionBroker } from '../src/broker/session-broker.ts'
import { createGroupCommit } from '../src/broker/store/group-commit.ts'
import { createSilentJournal, type Journal } from '../src/broker/store/journal.ts'
import { countForwarded } from '../src/broker/store/sqlite-count.ts'
import { openSqliteFile } from '../src/broker/store/sqlite-file.ts'
import { toInput } from '../src/broker/store/sqlite-input.ts'
import { openSqliteJournal } from '../src/broker/store/sqlite-journal.ts'
import { createLateReader } from '../src/broker/store/sqlite-late.ts'
import {
  createLogSplitter,
  createSqliteLogReader,
  createTopicReader,
} from '../src/broker/store/sqlite-log.ts'
import { WRITE } from '../src/broker/store/sqlite-statements.ts'
import { openStore } from '../src/broker/store/store.ts'
import type { Message } from '../src/topic/message.ts'
import { aclOf } from '../test/support/acl.ts'

const KINDS = ['memory', 'never', 'interval', 'always', 'always, on the main thread'] as const
type Kind = (typeof KINDS)[number]

const limits = {
  messagesPerSession: 1e6,
  bytesPerSession: 1e9,
  queuedBytes: 1e9,
  queuedBytesPerDevice: 1e9,
}
const acl = aclOf('pattern readwrite #\n')
const print = (line: string) => process.stdout.write(`${line}\n`)
const work = mkdtempSync(join(tmpdir(), 'wott-bench-'))

function messageOf(topic: string, retain = false): Message {
  return {
    topic,
    payload: Buffer.alloc(200, 'x'),
    qos: 1,
    retain,
    device: 'a1b2c3.d.wott.local',
    time: Date.now(),
    received: Date.now(),
    properties: null,
    expires: null,
  }
}

/** Opens the database in this thread, without a worker. */
function openOnMainThread(directory: string): Journal {
  const { db } = openSqliteFile(directory, { fsync: 'always' })
  const write = new Map(Object.entries(WRITE).map(([name, sql]) => [name, db.prepare(sql)]))
  const read = createSqliteLogReader(db)
  const readTopics = createTopicReader(db)
  const readLate = createLateReader(db)
  const split = createLogSplitter(db)
  return createGroupCommit({
    async recover() {},
    async commit(changes) {
      db.exec('BEGIN')
      for (const [name, ...columns] of changes)
        write.get(name)?.run(...toInput(name, columns, Date.now()))
      db.exec('COMMIT')
    },
    read: async (range) => read(range),
    readLate: async (range) => readLate(range),
    split: async (time) => split(time),
    readTopics: async (range) => readTopics(range),
    count: (range) => countForwarded(db, range),
    close: async () => db.close(),
  })
}

function journalOf(kind: Kind, directory: string): Journal | Promise<Journal> {
  if (kind === 'memory') return createSilentJournal()
  if (kind === 'always, on the main thread') return openOnMainThread(directory)
  return openSqliteJournal(directory, { fsync: kind })
}

async function open(kind: Kind, directory = mkdtempSync(join(work, 'store-'))) {
  const journal = await journalOf(kind, directory)
  const accessOf = (user: string, clientId: string) => createAccess(acl, { user, clientId })
  const store = await openStore({ journal, limits, accessOf })
  return openEmbedded({ store, log: pino({ level: 'silent' }) })
}

/** The session of an offline client. */
async function sessionFor(filter: string, { sessions }: SessionBroker): Promise<Session> {
  const link: ClientLink = {
    deliver() {},
    wake() {},
    end() {},
    isOpen: () => true,
    hasRoom: () => true,
    whereabouts: () => ({ door: 'mqtt' as const, address: undefined, protocol: '5', since: 0 }),
  }
  const request = { cleanStart: false, expiry: 3_600, will: null, link }
  const opened = await sessions.open({ client: 'a1b2c3.d.wott.local/subscriber', ...request })
  if (!opened) throw new Error('no room for a session')
  const options = { qos: 1, noLocal: false, retainAsPublished: false, identifier: 0 } as const
  await sessions.subscribe(opened.session, [{ name: filter, ...options }]).stored
  sessions.close(opened.session, link, { sendsWill: false, expiry: null })
  return opened.session
}

/** Runs `step` `count` times, `atOnce` at a time; returns the rate per second. */
async function rate(count: number, atOnce: number, step: () => Promise<void>): Promise<number> {
  const start = performance.now()
  let left = count
  const steps = async () => {
    while (left-- > 0) await step()
  }
  await Promise.all(Array.from({ length: atOnce }, steps))
  return (count / (performance.now() - start)) * 1000
}

async function publish(broker: Broker): Promise<void> {
  await broker.publish(messageOf('sensors/kitchen/temperature'))
}

async function throughput(kinds: readonly Kind[], single: number, many: number): Promise<void> {
  for (const kind of kinds) {
    const broker = await open(kind)
    await sessionFor('sensors/#', broker)
    const cells: string[] = []
    for (const [count, atOnce] of [
      [many / 4, 64],
      [single, 1],
      [many, 64],
    ] as const) {
      const delay = monitorEventLoopDelay({ resolution: 1 })
      delay.enable()
      const result = await rate(count, atOnce, () => publish(broker))
      delay.disable()
      const stall = (delay.percentile(99) / 1e6).toFixed(1).padStart(5)
      cells.push(`${Math.round(result).toString().padStart(7)}/s, turns of ${stall} ms`)
    }
    print(`  ${kind.padEnd(27)} 1: ${cells[1]}   64: ${cells[2]}`)
    await broker.close()
  }
}

function acknowledgeAll(session: Session, { sessions }: SessionBroker): void {
  for (let entry = sessions.next(session); entry; entry = sessions.next(session)) {
    sessions.sent(session, entry)
    sessions.settle(session, entry)
  }
}

function sizeOf(directory: string): string {
  const files = readdirSync(directory).map((name) => statSync(join(directory, name)).size)
  return `${(files.reduce((sum, size) => sum + size, 0) / 2 ** 20).toFixed(1)} MiB`
}

async function size(): Promise<void> {
  const directory = mkdtempSync(join(work, 'size-'))
  const broker = await open('interval', directory)
  const session = await sessionFor('#', broker)
  await rate(200_000, 1_000, () => publish(broker))
  print(`  200,000 queued           ${sizeOf(directory)}`)
  acknowledgeAll(session, broker)
  await broker.sessions.stored()
  const start = performance.now()
  while (Number.parseFloat(sizeOf(directory)) > 25 && performance.now() - start < 60_000)
    await new Promise((resolve) => setTimeout(resolve, 500))
  const seconds = ((performance.now() - start) / 1000).toFixed(0)
  print(`  acknowledged, ${seconds.padStart(2)} s later  ${sizeOf(directory)}`)
  await broker.close()
  print(`  closed                   ${sizeOf(directory)}`)
}

function memory(): number {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return (heapUsed + arrayBuffers) / 2 ** 20
}

async function recovery(): Promise<void> {
  const directory = mkdtempSync(join(work, 'recovery-'))
  const before = await open('never', directory)
  await sessionFor('sensors/#', before)
  await rate(100_000, 1_000, () => publish(before))
  let n = 0
  await rate(50_000, 1_000, async () => {
    await before.publish(messageOf(`site/${n % 500}/${++n}/t`, true))
  })
  await before.close()
  const used = memory()
  const start = performance.now()
  const broker = await open('always', directory)
  print(`  ${(performance.now() - start).toFixed(0)} ms from ${sizeOf(directory)}`)
  print(`  ${(memory() - used).toFixed(0)} MiB in memory`)
  for (const filter of ['site/77/78/t', 'site/77/#', 'site/+/+/nothing', '#']) {
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    const begin = performance.now()
    const found = await broker.retained(filter)
    const took = performance.now() - begin
    delay.disable()
    const turn = (delay.percentile(99) / 1e6).toFixed(1)
    const what = `${filter.padEnd(17)} ${`${found.length}`.padStart(6)}`
    print(`  ${what} in ${took.toFixed(2).padStart(7)} ms, turns of ${turn} ms`)
  }
  await broker.close()
}

async function slowDisk(): Promise<void> {
  const source = fileURLToPath(new URL('./support/slow-fsync.c', import.meta.url))
  const library = join(work, 'slow-fsync.so')
  execFileSync('gcc', ['-shared', '-fPIC', '-o', library, source, '-ldl'])
  const env = { ...process.env, LD_PRELOAD: library }
  execFileSync(process.execPath, [fileURLToPath(import.meta.url), 'slow'], {
    env,
    stdio: 'inherit',
  })
}

if (process.argv[2] === 'slow') {
  await throughput(['always', 'interval', 'always, on the main thread'], 50, 2_000)
} else {
  print('storing QoS 1 messages of 200 bytes for a session, 1 and 64 at once')
  await throughput(KINDS, 2_000, 40_000)
  print('size on disk')
  await size()
  print('opening a store with 50,000 retained and 100,000 queued messages')
  await recovery()
  print('storing on a disk whose fsync takes 30 ms (needs gcc)')
  await slowDisk()
}
rmSync(work, { recursive: true, force: true })
