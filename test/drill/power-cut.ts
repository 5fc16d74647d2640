import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parseArgs } from 'node:util'
import { type Fsync, STORE_FILE, storeFile } from '../../src/broker/store/sqlite-file.ts'
import { openSqliteJournal } from '../../src/broker/store/sqlite-journal.ts'
import { createClients } from '../broker/store/crash-clients.ts'
import { openOn, type TestBroker } from '../broker/store/test-broker.ts'
import { createForgetfulBroker } from './forgetful-broker.ts'
import {
  ALL_SURVIVES,
  type Change,
  cutPower,
  type Files,
  isSame,
  NOTHING_SURVIVES,
  readFiles,
  type Survives,
  writeFiles,
} from './forgetful-disk.ts'

export interface PowerCutReport {
  readonly rounds: number
  readonly published: number
  readonly acknowledged: number
  /** File changes and flushes up to the cuts. */
  readonly changes: number
  readonly flushes: number
  /** Cuts after or in a checkpoint, which moves pages from the log of the database to its file. */
  readonly checkpoints: number
  /** Stores that were opened after a cut (two in each round), and how many of them had lost written data. */
  readonly opened: number
  readonly forgot: number
  /** Further power cuts while a store was opened again. */
  readonly cutsWhileOpening: number
  /** Damaged stores; only counted if just the numbers are checked, because nothing else is promised then. */
  readonly damaged: number
  /** Rounds whose check failed, with the reason. */
  readonly failures: readonly string[]
}

interface Options {
  readonly mostChanges?: readonly number[]
  readonly promised?: Promised
}

type Clients = ReturnType<typeof createClients>

const limits = { messagesPerSession: 1e6, sessions: 1e6, sessionsPerDevice: 1e6 }
/** Rounds on one store; the next round starts with an empty one. */
const ROUNDS_ON_ONE = 10
/** The power is cut at a random one of this number of changes. The first commits of a new store are in the first hundred. */
const MOST = [150, 8_000, 8_000, 25_000]

/** What is checked: that nothing acknowledged is lost and the store is intact, or only that no number is used twice. */
export type Promised = 'all' | 'numbers'

/**
 * Cuts the power of a broker under load `rounds` times, after a random change, flush or answer. Opens two versions of the
 * remaining store: one with only flushed data, and one that also has random sectors of the rest. Continues with one of them.
 */
export async function powerCutDrill(
  rounds: number,
  fsync: Fsync,
  { mostChanges = MOST, promised = 'all' }: Options = {},
): Promise<PowerCutReport> {
  const work = realpathSync(mkdtempSync(join(tmpdir(), 'wott-power-')))
  const broker = createForgetfulBroker(work, fsync)
  const count = { published: 0, acknowledged: 0, changes: 0, flushes: 0, checkpoints: 0 }
  const cuts = { opened: 0, forgot: 0, cutsWhileOpening: 0, damaged: 0 }
  const failures: string[] = []
  let clients = createClients()
  let files: Files = new Map()

  function startAfresh(): void {
    count.published += clients.count()
    count.acknowledged += clients.acknowledged()
    clients = createClients()
    files = new Map()
  }

  async function cut(round: number): Promise<void> {
    const { changes, said } = await broker.run(files, round, pick(mostChanges))
    count.changes += changes.length
    count.flushes += changes.filter(({ what }) => what === 'flush').length
    if (hasCheckpoint(changes)) count.checkpoints += 1
    for (const words of said) clients.hear(words)
    const all = cutPower(files, changes, ALL_SURVIVES)
    for (const [index, survives] of inAnyOrder(NOTHING_SURVIVES, someSurvives()).entries()) {
      let left = cutPower(files, changes, survives)
      cuts.opened += 1
      if (!isSame(left, all)) cuts.forgot += 1
      if (Math.random() < 0.3) {
        cuts.cutsWhileOpening += 1
        left = await broker.cutWhileOpening(left, round, someSurvives())
      }
      writeFiles(broker.disk, left)
      if (promised === 'all') await check(broker.disk, clients, index === 1)
      else await checkNumbers(broker.disk, clients)
    }
    files = readFiles(broker.disk)
  }

  for (let round = 0; round < rounds; round++) {
    if (round % ROUNDS_ON_ONE === 0) startAfresh()
    try {
      await cut(round + 1)
    } catch (error) {
      const why = (error as Error).message
      if (promised === 'numbers' && DAMAGED.test(why)) cuts.damaged += 1
      else failures.push(`round ${round + 1}: ${why.split('\n')[0]}`)
      startAfresh()
    }
  }
  startAfresh()
  rmSync(work, { recursive: true, force: true })
  return { rounds, ...count, ...cuts, failures }
}

/** Matches the errors of a damaged store when it is opened or used. */
const DAMAGED =
  /is damaged|malformed|cannot read what|that no gateway wrote|ended by itself, with 1/

/** Opens the store after a power cut, as the next start does; publishers reconnect if `isKept`. */
async function check(disk: string, clients: Clients, isKept: boolean): Promise<void> {
  const directory = join(disk, 'store')
  await withStore(directory, async (at) => {
    await clients.check(at)
    if (isKept) await clients.reconnect(at)
  })
  const db = new DatabaseSync(storeFile(directory), { readOnly: true })
  const { integrity_check } = db.prepare('PRAGMA integrity_check').get() ?? {}
  db.close()
  assert.equal(integrity_check, 'ok', `integrity_check: ${integrity_check}`)
}

async function checkNumbers(disk: string, clients: Clients): Promise<void> {
  await withStore(join(disk, 'store'), clients.checkNumbers)
}

async function withStore(
  directory: string,
  work: (at: TestBroker) => Promise<void>,
): Promise<void> {
  mkdirSync(directory, { recursive: true })
  const at = await openOn(await openSqliteJournal(directory, { fsync: 'never' }), { limits })
  try {
    await work(at)
  } finally {
    await at.broker.close()
  }
}

/** Chooses random runs of sectors that are on the disk. */
function someSurvives(): Survives {
  const steadiness = Math.random()
  let survives = Math.random() < 0.5
  return () => {
    if (Math.random() > steadiness) survives = !survives
    return survives
  }
}

function hasCheckpoint(changes: readonly Change[]): boolean {
  const opened = changes.findIndex(({ name }) => name === `store/${STORE_FILE}-wal`)
  const later = changes.slice(opened + 1)
  return opened >= 0 && later.some((c) => c.what === 'write' && c.name === `store/${STORE_FILE}`)
}

function pick(from: readonly number[]): number {
  return from[Math.floor(Math.random() * from.length)] ?? 0
}

function inAnyOrder<T>(first: T, second: T): T[] {
  return Math.random() < 0.5 ? [first, second] : [second, first]
}

const HELP = `Usage: npm run drill:power -- [ROUNDS] [always|interval|never] [all|numbers]

Cuts the power of a broker ROUNDS times (200 by default) with this WOTT_FSYNC (always by default), and checks that no acknowledged
message is lost, or with "numbers" only that no number is used twice.
`

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { help: { type: 'boolean', short: 'h' } },
  })
  const [rounds = '200', fsync = 'always', promised = 'all', ...more] = positionals
  const isWrong =
    !/^[1-9]\d{0,5}$/.test(rounds) ||
    !['always', 'interval', 'never'].includes(fsync) ||
    !['all', 'numbers'].includes(promised) ||
    more.length > 0
  if (values.help || isWrong) {
    process[isWrong ? 'stderr' : 'stdout'].write(HELP)
    process.exit(isWrong ? 2 : 0)
  }
  const options = { promised: promised as Promised }
  const report = await powerCutDrill(Number(rounds), fsync as Fsync, options)
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
  process.exit(report.failures.length > 0 ? 1 : 0)
}
