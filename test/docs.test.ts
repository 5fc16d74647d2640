import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { ERROR_CODES } from '../src/errors.ts'

const DOCS = resolve(import.meta.dirname, '../docs')

describe('the docs', () => {
  it('say of each error code what it means and what to do', async () => {
    const text = await readFile(join(DOCS, 'troubleshooting.md'), 'utf8')
    const rows = text.split('\n').filter((line) => /^\| `/.test(line))
    for (const code of ERROR_CODES)
      assert.equal(rows.filter((row) => row.includes(`\`${code}\``)).length, 1, code)
  })

  it('have an index that names every page, and links that lead somewhere', async () => {
    const files = await readdir(DOCS)
    const pages = files.filter((file) => file.endsWith('.md'))
    const index = await readFile(join(DOCS, 'README.md'), 'utf8')
    for (const page of pages)
      if (page !== 'README.md')
        assert.ok(index.includes(`(${page})`), `${page} is not in the index`)
    for (const page of pages)
      for (const [, target = ''] of (await readFile(join(DOCS, page), 'utf8')).matchAll(
        /\]\((?!https?:|#)([^)#]+)/g,
      ))
        await assert.doesNotReject(readFile(join(DOCS, target)), `${page} links to ${target}`)
  })
})
