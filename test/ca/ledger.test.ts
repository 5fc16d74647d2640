import assert from 'node:assert/strict'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { appendToLedger } from '../../src/ca/ledger.ts'
import { temporaryDirectory } from './temporary.ts'

test('a new line follows the last whole line, after a crash in a file of any length', async () => {
  await using directory = await temporaryDirectory()
  const path = join(directory.path, 'issued.ndjson')
  const entry = { event: 'invited', time: '2026-11-26T12:00:00Z' } as const
  const lengths = fc.nat(9_000)
  await fc.assert(
    fc.asyncProperty(fc.array(lengths, { maxLength: 4 }), lengths, async (lines, cut) => {
      const whole = lines.map((length) => `${'x'.repeat(length)}\n`).join('')
      await writeFile(path, whole)
      await appendFile(path, 'y'.repeat(cut))
      await appendToLedger(path, [entry])
      assert.equal(await readFile(path, 'utf8'), `${whole}${JSON.stringify(entry)}\n`)
    }),
  )
})
