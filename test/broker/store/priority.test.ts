import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { getPriority } from 'node:os'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { openSqliteJournal } from '../../../src/broker/store/sqlite-journal.ts'
import { temporaryFolder } from '../../cli/program.ts'

const RAISE = 'const os = require("node:os"); os.setPriority(os.getPriority() - 5)'

/** Whether this user may raise the priority of a process. */
async function mayGoFirst(): Promise<boolean> {
  return promisify(execFile)(process.execPath, ['--eval', RAISE]).then(
    () => true,
    () => false,
  )
}

/** The nice values of the threads of this process with a name. */
async function niceOf(name: string): Promise<number[]> {
  const found: number[] = []
  for (const thread of await readdir('/proc/self/task')) {
    const stat = await readFile(`/proc/self/task/${thread}/stat`, 'latin1')
    if (!stat.includes(`(${name})`)) continue
    found.push(Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]))
  }
  return found
}

describe('the thread of the store', () => {
  it('has a higher priority than the others where the system allows it', async () => {
    await using folder = await temporaryFolder()
    const journal = await openSqliteJournal(`${folder.path}/data`, { fsync: 'never' })
    const own = getPriority()
    const expected = (await mayGoFirst()) ? Math.max(-20, own - 5) : own
    const nice = await niceOf('store')
    await journal.close()
    assert.deepEqual(nice, [expected])
  })
})
