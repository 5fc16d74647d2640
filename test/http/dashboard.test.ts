import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readPages } from '../../src/http/dashboard.ts'

test('the page, its chart library included, is under 150 KB, and everything it names is there', async () => {
  const pages = await readPages()
  const size = [...pages.values()].reduce((sum, { body }) => sum + Buffer.byteLength(body), 0)
  assert.ok(size < 150_000, `${size} bytes`)
  for (const [path, { body, type }] of pages) {
    assert.notEqual(type, '', path)
    if (path === '/assets/uplot.js') continue
    for (const [, named = ''] of body.matchAll(/(?:href|src)\s*=\s*["'](\/[\w./-]+)["']/g))
      assert.ok(pages.has(named), `${path} names ${named}`)
    for (const [, named = ''] of body.matchAll(/from '\.\/([\w./-]+)'/g))
      assert.ok(pages.has(`/assets/${named}`), `${path} imports ${named}`)
    assert.doesNotMatch(body.replace('http://www.w3.org/2000/svg', ''), /https?:\/\//, path)
  }
})
