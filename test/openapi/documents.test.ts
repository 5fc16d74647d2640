import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import asyncapi from '@asyncapi/parser'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { Validator } from '@seriousme/openapi-schema-validator'
import { environmentName, SETTING_NAMES, SETTINGS } from '../../src/config/schema.ts'
import { ERROR_CODES } from '../../src/errors.ts'
import { ROOT } from '../support/generated.ts'
import { examplesOf, type Media, readDocument } from './document.ts'
import { createValidate } from './validate.ts'

const read = (name: string) => readFile(join(ROOT, 'openapi', name), 'utf8')

describe('openapi.json', () => {
  it('is valid by the OpenAPI 3.1 schema of the OpenAPI Initiative', async () => {
    const validator = new Validator()
    const { valid, errors } = await validator.validate(JSON.parse(await read('openapi.json')))
    assert.ok(valid, JSON.stringify(errors))
    assert.equal(validator.version, '3.1')
  })

  it('breaks no rule that Redocly recommends, including the strict ones', async () => {
    const config = await createConfig({
      extends: ['recommended-strict'],
      rules: { 'no-invalid-parameter-examples': 'error', 'no-invalid-schema-examples': 'error' },
    })
    const problems = await lintFromString({ source: await read('openapi.json'), config })
    assert.deepEqual(
      problems.map(({ message, location }) => [message, location[0]?.pointer]),
      [],
    )
  })

  it('has examples of everything, each valid by its schema', async () => {
    const document = await readDocument()
    const validate = createValidate(document)
    const check = (media: Media, what: string) => {
      for (const example of examplesOf(media)) validate(media.schema, example, what)
    }
    for (const { operationId, parameters = [], requestBody, responses } of Object.values(
      document.paths,
    ).flatMap((path) => Object.values(path))) {
      for (const parameter of parameters) check(parameter, `${operationId} ${parameter.name}`)
      for (const media of Object.values(requestBody?.content ?? {})) check(media, operationId)
      for (const [status, { content = {} }] of Object.entries(responses))
        for (const media of Object.values(content)) check(media, `${operationId} ${status}`)
    }
  })

  it('documents every error code', async () => {
    const { paths } = await readDocument()
    const text = JSON.stringify(paths)
    for (const code of ERROR_CODES) assert.ok(text.includes(`"code":"${code}"`), code)
  })
})

describe('asyncapi.json', () => {
  it('is valid by the parser of the AsyncAPI Initiative', async () => {
    const { document, diagnostics } = await new asyncapi.Parser().parse(await read('asyncapi.json'))
    // the parser also reports newer versions of AsyncAPI
    const problems = diagnostics.filter(({ code }) => code !== 'asyncapi-latest-version')
    assert.deepEqual(problems, [])
    assert.deepEqual(
      document
        ?.operations()
        .all()
        .map((operation) => operation.id()),
      ['publish', 'deliver', 'stream', 'streamTopic'],
    )
  })
})

describe('both documents', () => {
  it('name existing settings with their defaults', async () => {
    const known = new Map(SETTING_NAMES.map((name) => [environmentName(name), SETTINGS[name]]))
    for (const name of ['openapi.json', 'asyncapi.json']) {
      const text = await read(name)
      for (const [variable] of text.matchAll(/WOTT_[A-Z_]+/g))
        assert.ok(known.has(variable), variable)
      for (const [, variable = '', told] of text.matchAll(/`(WOTT_[A-Z_]+)` \((\S+) by default\)/g))
        assert.equal(told, known.get(variable)?.fallback, variable)
    }
  })
})
