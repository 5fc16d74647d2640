import assert from 'node:assert/strict'
import { appendFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { followLedger } from '../../src/ca/follow-ledger.ts'
import { temporaryFolder } from '../cli/program.ts'

const lineOf = (id: string) =>
  `${JSON.stringify({ event: 'invited', time: '2030-01-01T00:00:00Z', id })}\n`

it('each whole line of the ledger is reported once, also after an older copy was restored', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'issued.ndjson')
  await writeFile(path, lineOf('before'))
  const told: unknown[] = []
  const ledger = await followLedger(path, (entry) => told.push('id' in entry && entry.id))
  await ledger.reload()
  const long = Array.from({ length: 20_000 }, (_, n) => lineOf(`device-${n}`))
  await appendFile(path, long.join(''))
  await appendFile(path, `not an entry\n${lineOf('one')}{"event":"inv`)
  await ledger.reload()
  assert.deepEqual([told.length, told.at(0), told.at(-1)], [20_001, 'device-0', 'one'])
  await truncate(path, lineOf('before').length)
  await ledger.reload()
  await appendFile(path, lineOf('two'))
  await ledger.reload()
  assert.deepEqual([told.length, told.at(-1)], [20_002, 'two'])
  ledger.close()
})
