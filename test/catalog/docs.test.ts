import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { createCatalog, numberName } from '../../src/catalog/catalog.ts'
import { parseTopics } from '../../src/catalog/parse.ts'

const DOCS = resolve(import.meta.dirname, '../../docs')

describe('docs/topics.md', () => {
  it('has a valid topics file that does what the page says', async () => {
    const text = await readFile(join(DOCS, 'topics.md'), 'utf8')
    const [, example = ''] = /^```\n(# PATTERN.+?)^```$/ms.exec(text) ?? []
    const parsed = parseTopics(Buffer.from(example))
    assert.ok(parsed.ok, JSON.stringify(parsed))
    const catalog = createCatalog(parsed.entries, 1)
    const climate = catalog.of('sensors/attic/climate')
    assert.equal(climate.silenceMs, 3_600_000)
    const { pattern = '', fields = [] } = climate.entry ?? {}
    assert.deepEqual(
      fields.map((field) => [
        numberName(pattern, field, 'sensors/attic/climate'),
        field.unit,
        field.deviceClass,
      ]),
      [
        ['Inside, attic', '°C', 'temperature'],
        ['sensors/attic/climate indoor.humidity', '%', 'humidity'],
      ],
    )
    assert.equal(catalog.of('meters/water/1').silenceMs, 2 * 86_400_000)
    assert.equal(catalog.of('other').silenceMs, null)
    assert.ok(text.includes('at most 2,000 lines'))
  })
})
