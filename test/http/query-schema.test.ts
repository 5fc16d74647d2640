import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GatewayError } from '../../src/errors.ts'
import { parseQuery } from '../../src/http/query.ts'
import { createQueryReader, querySchema } from '../../src/http/query-schema.ts'

const description = ''
const read = createQueryReader(
  querySchema({
    qos: { type: 'integer', enum: [0, 1], default: 0, description },
    wait: { type: 'integer', minimum: 1, maximum: 60, description },
    retain: { type: 'boolean', default: false, description },
    format: { type: 'string', enum: ['json', 'csv'], default: 'json', description },
    topic: { type: 'string', description },
    filter: { type: 'array', items: { type: 'string' }, description },
  }),
)

const NONE = {
  qos: 0,
  wait: undefined,
  retain: false,
  format: 'json',
  topic: undefined,
  filter: [],
}

function refusal(query: string): string {
  const answer = read(parseQuery(`/a?${query}`))
  assert.ok(answer instanceof GatewayError)
  assert.equal(answer.code, 'query_invalid')
  return answer.message
}

describe('a query with a schema', () => {
  it('has defaults for missing names', () => {
    assert.deepEqual(read(parseQuery('/a')), NONE)
    assert.deepEqual(read(parseQuery('/a?topic=')), { ...NONE, topic: '' })
  })

  it('has values of the types of its schema', () => {
    const query = 'qos=1&wait=60&retain=true&format=csv&topic=a%2Fb+c&filter=x&filter='
    assert.deepEqual(read(parseQuery(`/a?${query}`)), {
      qos: 1,
      wait: 60,
      retain: true,
      format: 'csv',
      topic: 'a/b+c',
      filter: ['x', ''],
    })
    // the defaults are not changed by earlier queries
    assert.deepEqual(read(parseQuery('/a')), NONE)
  })

  it('is refused for an invalid value, with the valid ones', () => {
    for (const qos of ['2', '', '01', '1.0', '-1', ' 1', 'x'])
      assert.equal(refusal(`qos=${qos}`), `qos must be 0 or 1, not "${qos}".`)
    for (const wait of ['0', '61', '', '1e1', '0x1', '-1', '9'.repeat(40), '1.5'])
      assert.equal(
        refusal(`wait=${wait}`),
        `wait must be a whole number from 1 to 60, not "${wait}".`,
      )
    for (const retain of ['1', '', 'TRUE'])
      assert.equal(refusal(`retain=${retain}`), `retain must be true or false, not "${retain}".`)
    assert.equal(refusal('format=xml'), 'format must be json or csv, not "xml".')
  })

  it('is refused for an unknown name, and for a repeated one', () => {
    assert.match(refusal('Qos=1'), /"Qos"; the known parameters are qos, wait, retain/)
    assert.match(refusal('__proto__=1'), /Unknown query parameter/)
    assert.match(refusal('qos=1&qos=1'), /names "qos" more than once/)
    assert.match(refusal('topic=%ff'), /broken percent-escape/)
  })
})
