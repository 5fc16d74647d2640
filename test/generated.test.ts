import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { generatedFiles, ROOT } from './support/generated.ts'

test('generated files are up to date', async () => {
  for (const [path, text] of await generatedFiles())
    assert.equal(await readFile(join(ROOT, path), 'utf8'), text, `${path}: run npm run docs`)
})
