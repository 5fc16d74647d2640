import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findFiles, readAsset } from '../../src/http/assets.ts'

const SWAGGER_UI = /swagger-ui/
const THEIRS = /swagger-ui|uplot\.js$/
const DOCUMENTS = /api\.json$/

describe('the pages', () => {
  it('are under 200 KB, including the chart library', async () => {
    let size = 0
    for (const [path, file] of await findFiles())
      if (!SWAGGER_UI.test(path) && !DOCUMENTS.test(path))
        size += (await readAsset(file)).body.length
    assert.ok(size < 200_000, `${size} bytes`)
  })

  it('refer only to existing files of the gateway', async () => {
    const files = await findFiles()
    for (const [path, file] of files) {
      const { body, type } = await readAsset(file)
      assert.notEqual(type, '', path)
      if (THEIRS.test(path) || DOCUMENTS.test(path)) continue
      const text = body.toString()
      for (const [, named = ''] of text.matchAll(/(?:href|src)\s*=\s*["'](\/[\w./-]+)["']/g))
        assert.ok(files.has(named), `${path} names ${named}`)
      for (const [, named = ''] of text.matchAll(/from '\.\/([\w./-]+)'/g))
        assert.ok(files.has(`/assets/${named}`), `${path} imports ${named}`)
      assert.doesNotMatch(text.replace('http://www.w3.org/2000/svg', ''), /https?:\/\//, path)
    }
  })
})
