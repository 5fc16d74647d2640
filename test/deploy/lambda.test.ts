import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { unknownVariables } from '../../src/config/load.ts'
import { ROOT } from './dockerfile.ts'

const FOLDER = join(ROOT, 'deploy/lambda')
const { Parameters, Resources, Outputs } = parse(
  await readFile(join(FOLDER, 'template.yaml'), 'utf8'),
)
const { Gateway, Api, Domain, Mapping } = Resources

test('the template allows access only with mutual TLS', () => {
  assert.equal(Api.Properties.DisableExecuteApiEndpoint, true)
  assert.deepEqual(Domain.Properties.MutualTlsAuthentication, {
    TruststoreUri: { Ref: 'TruststoreUri' },
    TruststoreVersion: { Ref: 'TruststoreVersion' },
  })
  assert.equal(Domain.Properties.SecurityPolicy, 'TLS_1_2')
  assert.deepEqual(Mapping.Properties.DomainName, { Ref: 'Domain' })
})

test('the template passes payloads as bytes, and every path to the function', () => {
  assert.deepEqual(Api.Properties.BinaryMediaTypes, ['*~1*'])
  const { Path, Method, RestApiId } = Gateway.Properties.Events.Everything.Properties
  assert.deepEqual([Path, Method, RestApiId], ['/{proxy+}', 'ANY', { Ref: 'Api' }])
})

test('the function has existing settings, and a runtime that the package supports', async () => {
  const { Environment, Runtime, Handler } = Gateway.Properties
  assert.deepEqual(unknownVariables(Environment.Variables), [])
  const { engines } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'))
  const least = Number(/^>=(\d+)$/.exec(engines.node)?.[1])
  assert.ok(Number(/^nodejs(\d+)\.x$/.exec(Runtime)?.[1]) >= least)
  const [file, name] = Handler.split('.')
  const entry = await readFile(join(FOLDER, `${file}.mjs`), 'utf8')
  assert.match(entry, new RegExp(`^export const ${name} = createHandler\\(\\)$`, 'm'))
})

test('every reference in the template has a target', () => {
  const known = new Set([...Object.keys(Parameters), ...Object.keys(Resources), 'Api.Stage'])
  const look = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    for (const [key, inner] of Object.entries(value)) {
      if (key === 'Ref') assert.ok(known.has(inner), inner)
      if (key === 'Fn::GetAtt') assert.ok(known.has(inner[0]), inner[0])
      look(inner)
    }
  }
  look(Resources)
  look(Outputs)
})
