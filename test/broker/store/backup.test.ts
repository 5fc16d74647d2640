import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import type { Change } from '../../../src/broker/store/changes.ts'
import type { Journal } from '../../../src/broker/store/journal.ts'
import { copyDatabase } from '../../../src/broker/store/sqlite-backup.ts'
import { openSqliteFile } from '../../../src/broker/store/sqlite-file.ts'
import { openSqliteJournal } from '../../../src/broker/store/sqlite-journal.ts'
import { temporaryDirectory } from './stores.ts'

const message = (number: number, characters = 'x'): Change => {
  return ['append', number, 't', characters, 1, 0, 'd', Date.now(), null, null, null]
}

/** A store of about 40 MiB, which takes a while to copy. */
async function openLarge(): Promise<{ directory: string; journal: Journal }> {
  const directory = temporaryDirectory()
  const { db } = openSqliteFile(directory, { fsync: 'never' })
  db.exec(`
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
    INSERT INTO log (number, topic, payload, qos, retain, device, time)
      SELECT i, 't' || i, randomblob(4000), 1, 0, 'd', ${Date.now()} FROM n`)
  db.close()
  return { directory, journal: await openSqliteJournal(directory, { fsync: 'never' }) }
}

function numbersIn(file: string): number[] {
  using db = new DatabaseSync(file)
  const [check] = db.prepare('PRAGMA integrity_check').all()
  assert.equal(check?.integrity_check, 'ok')
  return db
    .prepare('SELECT number FROM log ORDER BY number')
    .all()
    .map(({ number }) => Number(number))
}

describe('a backup of a store that is in use', () => {
  it('is whole, and holds everything stored before it began', async () => {
    const { directory, journal } = await openLarge()
    await journal.append([message(10_001)])
    const file = join(directory, 'copy.sqlite')
    const copying = journal.admin?.backup(file)
    let last = 10_001
    let isCopied = false
    void copying?.finally(() => {
      isCopied = true
    })
    while (!isCopied) await journal.append([message(++last)])
    await copying
    await journal.append([message(++last)])
    const numbers = numbersIn(file)
    assert.ok(numbers.length >= 10_001)
    // no number is missing in between
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
    )
    assert.ok(last > 10_002, 'commits came in between')
    await journal.close()
  })

  it('also begins while commits follow one another without a pause', async () => {
    const { db } = openSqliteFile(temporaryDirectory(), { fsync: 'never' })
    const directory = temporaryDirectory()
    const append = db.prepare("INSERT INTO log (topic, payload) VALUES ('t', zeroblob(500))")
    const busy = setInterval(() => {
      db.exec('BEGIN')
      for (let n = 0; n < 500; n++) append.run()
      db.exec('DELETE FROM log WHERE number <= (SELECT max(number) - 5000 FROM log); COMMIT')
    })
    using stack = new DisposableStack()
    stack.defer(() => db.close())
    stack.defer(() => clearInterval(busy))
    const sizes: number[] = []
    for (let n = 0; n < 20; n++) {
      const file = join(directory, `copy-${n}`)
      await copyDatabase(db, file)
      sizes.push(numbersIn(file).length)
    }
    assert.deepEqual([...new Set(sizes.map((size) => size % 500))], [0])
    assert.ok((sizes.at(-1) ?? 0) > 0, 'commits came in between')
  })

  it('is one at a time, and is given up when the store closes', async () => {
    const { directory, journal } = await openLarge()
    const [first, second] = ['first', 'second'].map((name) => join(directory, name)) as [
      string,
      string,
    ]
    const copying = journal.admin?.backup(first)
    await assert.rejects(async () => journal.admin?.backup(second), /is already being made/)
    const given = assert.rejects(async () => copying, /the gateway is stopping/)
    await journal.close()
    await given
    assert.deepEqual([existsSync(first), existsSync(second)], [false, false])
  })

  it('does not overwrite a file', async () => {
    const { directory, journal } = await openLarge()
    const file = join(directory, 'broker.sqlite')
    await assert.rejects(async () => journal.admin?.backup(file), /EEXIST/)
    await journal.append([message(10_001)])
    await journal.close()
    assert.equal(numbersIn(file).length, 10_001)
  })
})
