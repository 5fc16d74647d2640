import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GatewayError } from '../../src/errors.ts'
import { cloudEventIn } from '../../src/http/cloud-event.ts'

const BINARY = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/s', 'ce-type': 't' }
const EVENT = { specversion: '1.0', id: '1', source: '/s', type: 't' }
const STRUCTURED = 'application/cloudevents+json'
const EMPTY = Buffer.alloc(0)

const structured = (event: unknown) =>
  cloudEventIn({}, STRUCTURED, Buffer.from(JSON.stringify(event)))

function refusal(found: unknown): string {
  assert.ok(found instanceof GatewayError)
  return `${found.code}: ${found.message}`
}

describe('a CloudEvent', () => {
  it('is found in headers, or in a body of its own type', () => {
    assert.equal(cloudEventIn({}, 'text/plain', EMPTY), null)
    assert.equal(cloudEventIn({ 'ce-id': '1' }, undefined, EMPTY), null)
    assert.deepEqual(cloudEventIn(BINARY, 'text/plain', EMPTY), {
      contentType: 'text/plain',
      userProperties: [
        ['specversion', '1.0'],
        ['id', '1'],
        ['source', '/s'],
        ['type', 't'],
      ],
    })
    const type = `${STRUCTURED.toUpperCase()}; charset=utf-8`
    assert.deepEqual(cloudEventIn({}, type, Buffer.from(JSON.stringify(EVENT))), {
      contentType: type,
      userProperties: [],
    })
    const time = '2026-11-24T08:00:00Z'
    assert.deepEqual(structured({ ...EVENT, time }), {
      contentType: STRUCTURED,
      userProperties: [['time', time]],
    })
  })

  for (const [text, value] of [
    ['a%20b%E2%82%AC', 'a b€'],
    ['"a \\"b\\" \\\\"', 'a "b" \\'],
    ['"%41"', 'A'],
    ['%', null],
    ['"%zz"', null],
  ] as const)
    it(`has the attribute ${text} in a header as ${value}`, () => {
      const found = cloudEventIn({ ...BINARY, 'ce-subject': text }, undefined, EMPTY)
      if (value === null) assert.match(refusal(found), /subject has a broken percent-escape/)
      else {
        assert.ok(found && 'userProperties' in found)
        assert.deepEqual(found.userProperties.at(-1), ['subject', value])
      }
    })

  for (const [what, found, problem] of [
    ['another version', structured({ ...EVENT, specversion: '0.3' }), /must be 1.0, not 0.3/],
    ['an empty id', structured({ ...EVENT, id: '' }), /id is missing/],
    ['a number as type', structured({ ...EVENT, type: 1 }), /type must be a string/],
    ['a date as time', structured({ ...EVENT, time: '2026-11-24' }), /time must be/],
    ['a time with a blank', structured({ ...EVENT, time: '2026-11-24 08:00:00Z' }), /time must be/],
    ['a list', structured([EVENT]), /not a JSON object/],
    ['null', structured(null), /not a JSON object/],
    ['bytes', cloudEventIn({}, STRUCTURED, Buffer.from([0x22, 0xff, 0x22])), /not a JSON object/],
    ['a bad name', cloudEventIn({ ...BINARY, 'ce-a-b': '1' }, undefined, EMPTY), /"a-b" must have/],
    ['no source', cloudEventIn({ 'ce-specversion': '1.0', 'ce-id': '1' }, '', EMPTY), /source is/],
  ] as const)
    it(`is refused with ${what}`, () => {
      assert.match(refusal(found), /^cloud_event_invalid: Not a valid CloudEvent: /)
      assert.match(refusal(found), problem)
    })

  it('is refused in other formats', () => {
    for (const format of ['cloudevents-batch+json', 'cloudevents+avro', 'cloudevents'])
      assert.match(
        refusal(cloudEventIn({}, `application/${format}`, EMPTY)),
        /^unsupported_media_type: /,
      )
  })
})
