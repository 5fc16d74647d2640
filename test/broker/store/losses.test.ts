import assert from 'node:assert/strict'
import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { readPosition } from '../../../src/broker/store/position.ts'
import type { Fsync } from '../../../src/broker/store/sqlite-file.ts'
import { openSqliteJournal } from '../../../src/broker/store/sqlite-journal.ts'
import { type Repair, repairStore } from '../../../src/broker/store/sqlite-repair.ts'
import { stoppedStoreInfo } from '../../../src/broker/store/sqlite-stopped.ts'
import { UsageError } from '../../../src/errors.ts'
import { copyOf, openFile, temporaryDirectory } from './stores.ts'
import { openOn, type TestBroker } from './test-broker.ts'

const MESSAGES = 200
const FILE = 'broker.sqlite'
const WAL = 'broker.sqlite-wal'

/** What kill -9 leaves of a store with 200 messages, and an older copy of it. */
async function killed(fsync: Fsync = 'always'): Promise<{ directory: string; older: string }> {
  const directory = temporaryDirectory()
  const at = await openOn(await openSqliteJournal(directory, { fsync }))
  const older = copyOf(directory)
  await (await at.connect('a')).subscribe('t/#', 1)
  for (let n = 0; n < MESSAGES; n++) await at.publish(`t/${n}`, `payload ${n}`)
  const last = await at.store.log.read({ after: 0, upTo: 1e15, filters: ['t/199'] })
  const number = last.deliveries[0]?.sequence
  // the position file is written a moment after the write-ahead log
  const isNoted = () => {
    const position = readPosition(directory)
    return position?.number === number && (position?.wal?.frames ?? 0) > MESSAGES * 2
  }
  while (!isNoted()) await (await at.connect('b')).subscribe('other', 1)
  const left = copyOf(directory)
  await at.broker.close()
  return { directory: left, older }
}

function filesIn(directory: string): Record<string, string> {
  const names = readdirSync(directory).toSorted()
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(join(directory, name), 'latin1')]),
  )
}

function flipByte(file: string, part: number): void {
  const bytes = readFileSync(file)
  const at = Math.floor(bytes.length * part)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  writeFileSync(file, bytes)
}

async function payloadsIn({ store }: TestBroker): Promise<string[]> {
  const found: string[] = []
  for (let after = 0; after < 1e15; ) {
    const page = await store.log.read({ after, upTo: 1e15, filters: ['#'] })
    found.push(...page.deliveries.map(({ payload }) => String(payload)))
    after = page.reached
  }
  return found
}

type Damage = (directory: string, older: string) => void

const DAMAGES: Record<string, { damage: Damage; says: RegExp; keeps: (count: number) => boolean }> =
  {
    'an empty database': {
      damage: (directory) => truncateSync(join(directory, FILE), 0),
      says: /broker\.sqlite is empty or missing, but messages up to number \d+ were stored/,
      // everything in a new store is still in the write-ahead log
      keeps: (count) => count === MESSAGES,
    },
    'no database': {
      damage: (directory) => rmSync(join(directory, FILE)),
      says: /broker\.sqlite is empty or missing/,
      keeps: (count) => count === MESSAGES,
    },
    'nothing but the position': {
      damage(directory) {
        rmSync(join(directory, FILE))
        rmSync(join(directory, WAL))
      },
      says: /broker\.sqlite is empty or missing/,
      keeps: (count) => count === 0,
    },
    'no write-ahead log': {
      damage: (directory) => rmSync(join(directory, WAL)),
      says: /is empty or missing|holds \d+ messages up to number \d+, but messages up to number \d+ were/,
      keeps: (count) => count < MESSAGES,
    },
    'a torn write-ahead log': {
      damage(directory) {
        const wal = join(directory, WAL)
        truncateSync(wal, Math.floor(readFileSync(wal).length / 2))
      },
      says: /-wal is damaged: \d+ of the \d+ pages that were stored in it can be read/,
      keeps: (count) => count > 10 && count < MESSAGES,
    },
    'a flipped byte in the write-ahead log': {
      damage: (directory) => flipByte(join(directory, WAL), 0.4),
      says: /-wal is damaged: \d+ of the \d+ pages/,
      keeps: (count) => count > 10 && count < MESSAGES,
    },
    'a flipped byte in its header': {
      damage: (directory) => flipByte(join(directory, WAL), 0),
      says: /-wal is damaged: none of its \d+ pages can be read/,
      keeps: (count) => count === 0,
    },
    'an older copy in its place': {
      damage(directory, older) {
        for (const name of [FILE, WAL]) rmSync(join(directory, name))
        for (const name of [FILE, WAL]) cpSync(join(older, name), join(directory, name))
      },
      says: /-wal is damaged: \d+ of the \d+ pages/,
      keeps: (count) => count === 0,
    },
  }

describe('a store that lost data', () => {
  for (const [what, { damage, says, keeps }] of Object.entries(DAMAGES))
    test(`is an error at the start, and is repaired: ${what}`, async () => {
      const { directory, older } = await killed()
      const before = await payloadsIn(await openFile(copyOf(directory)))
      assert.equal(before.length, MESSAGES)
      damage(directory, older)
      const damaged = filesIn(directory)
      const refused = (error: unknown) =>
        error instanceof UsageError &&
        says.test(error.message) &&
        /wott-gateway store repair/.test(error.message)
      await assert.rejects(openFile(directory), refused)
      assert.deepEqual(filesIn(directory), damaged)
      if (FILE in damaged) await assert.rejects(stoppedStoreInfo(directory), refused)
      assert.deepEqual(filesIn(directory), damaged)

      const repaired = (await repairStore(directory)) as Repair
      assert.ok(keeps(repaired.kept), `${repaired.kept} are kept`)
      assert.match(repaired.problem ?? 'missing', /broker.sqlite|missing/)
      assert.ok(repaired.highest < repaired.stored || repaired.kept === MESSAGES)
      assert.deepEqual(filesIn(repaired.aside), damaged)
      const again = await openFile(directory)
      const left = await payloadsIn(again)
      assert.deepEqual(left, before.slice(0, repaired.kept))
      // a stream that resumes is told of the gap, and no number is used twice
      assert.ok(again.store.log.gapsAfter(repaired.stored).includes('damaged'))
      assert.deepEqual(again.store.log.gapsAfter(again.store.log.start()), [])
      assert.ok(again.store.log.start() > repaired.stored)
      await again.broker.close()
      assert.equal(await repairStore(directory), null)
    })

  test('is found after a clean end too', async () => {
    for (const fsync of ['always', 'interval', 'never'] as const) {
      const directory = temporaryDirectory()
      const at = await openOn(await openSqliteJournal(directory, { fsync }))
      await at.publish('t', '1')
      await at.broker.close()
      truncateSync(join(directory, FILE), 0)
      await assert.rejects(openFile(directory), /is empty or missing, but messages up to number/)
    }
  })

  test('is found where the position file itself is damaged', async () => {
    const directory = temporaryDirectory()
    await (await openFile(directory)).broker.close()
    writeFileSync(join(directory, 'broker.sqlite-position'), 'x'.repeat(1024))
    await assert.rejects(openFile(directory), /-position is damaged.*store repair/)
    assert.ok(await repairStore(directory))
    await openFile(directory)
  })
})

describe('store repair', () => {
  test('leaves an intact store as it is, and refuses one that is in use', async () => {
    const { directory } = await killed()
    const before = filesIn(directory)
    assert.equal(await repairStore(directory), null)
    assert.deepEqual(filesIn(directory), before)
    const at = await openFile(directory)
    await assert.rejects(repairStore(directory), /in use/)
    await at.broker.close()
    await assert.rejects(repairStore(temporaryDirectory()), /there is no store/)
  })

  test('keeps everything except damaged pages and messages', async () => {
    const directory = temporaryDirectory()
    const at = await openFile(directory)
    await (await at.connect('a')).subscribe('none', 1)
    const payload = (n: number) => `message ${n} ${'x'.repeat(500)}`
    for (let n = 0; n < 1_000; n++) await at.publish('t', payload(n))
    await at.broker.close()
    const file = join(directory, FILE)
    const bytes = readFileSync(file)
    // damages one payload, and the page of another
    bytes.write('y', bytes.indexOf('message 300 ') + 50)
    const page = Math.floor(bytes.indexOf('message 700 ') / 4096) * 4096
    bytes.fill(7, page, page + 100)
    writeFileSync(file, bytes)
    const repaired = (await repairStore(directory)) as Repair
    assert.equal(repaired.damaged.length, 1)
    assert.equal(repaired.holes.length, 1)
    assert.ok(repaired.kept > 980 && repaired.kept < 1_000, `${repaired.kept} are kept`)
    const again = await openFile(directory)
    assert.ok(again.store.sessions.find('a')?.subscriptions.has('none'))
    const left = new Set(await payloadsIn(again))
    const lost = Array.from({ length: 1_000 }, (_, n) => n).filter((n) => !left.has(payload(n)))
    assert.equal(lost.length, 1_000 - repaired.kept)
    assert.ok(lost.includes(300) && lost.includes(700))
    assert.ok(lost.every((n) => n === 300 || Math.abs(n - 700) < 20))
  })
})
