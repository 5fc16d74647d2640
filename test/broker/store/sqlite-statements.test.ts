import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openSqliteFile } from '../../../src/broker/store/sqlite-file.ts'
import { READ_LOG, READ_TOPICS, SPLIT_LOG } from '../../../src/broker/store/sqlite-statements.ts'
import { temporaryDirectory } from './stores.ts'

/** Statements that read a range of the log on purpose; their readers bound it. */
const STATEMENTS = {
  ...SPLIT_LOG,
  ...READ_TOPICS,
  oneAsc: READ_LOG.one.ASC,
  oneDesc: READ_LOG.one.DESC,
  allAsc: READ_LOG.all.ASC,
  allDesc: READ_LOG.all.DESC,
}

test('no statement that reads the log reads all of it', () => {
  const { db } = openSqliteFile(temporaryDirectory(), { fsync: 'never' })
  for (const [name, sql] of Object.entries(STATEMENTS)) {
    const values = Array.from(sql.matchAll(/\?/g), () => 1)
    const plan = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values)
    const scans = plan.map(({ detail }) => String(detail)).filter((step) => /^SCAN log/.test(step))
    assert.deepEqual(scans, [], name)
  }
  db.close()
})
