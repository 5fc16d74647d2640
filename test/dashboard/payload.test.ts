import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatNumber, readPayload } from '../../src/dashboard/payload.ts'

for (const [text, kind, shown, numbers] of [
  ['21.5', 'number', '21.5', { '': 21.5 }],
  [' -4e-3\n', 'number', '-0.004', { '': -0.004 }],
  ['0x10', 'text', '0x10', {}],
  ['Infinity', 'text', 'Infinity', {}],
  ['', 'empty', '(empty)', {}],
  ['hello', 'text', 'hello', {}],
  ['{"t": 1.5, "ok": true, "h": 2}', 'json', '{"t":1.5,"ok":true,"h":2}', { t: 1.5, h: 2 }],
  ['[1,2]', 'json', '[1,2]', { 0: 1, 1: 2 }],
  ['{"t":', 'text', '{"t":', {}],
] as const)
  test(`${JSON.stringify(text)} is ${kind}`, () => {
    const payload = readPayload(text, undefined)
    assert.deepEqual([payload.kind, payload.text], [kind, shown])
    assert.deepEqual(Object.fromEntries(payload.numbers), numbers)
  })

for (const [text, type, kind, shown, numbers] of [
  [
    '{"t":1.5,"a":[1]}',
    'application/json',
    'json',
    '{\n  "t": 1.5,\n  "a": [\n    1\n  ]\n}',
    { t: 1.5 },
  ],
  ['"hello"', 'application/senml+json; charset=utf-8', 'json', '"hello"', {}],
  ['null', 'TEXT/JSON', 'json', 'null', {}],
  ['21.50', 'application/json', 'number', '21.5', { '': 21.5 }],
  ['{"t":', 'application/json', 'text', '{"t":', {}],
  ['', 'application/json', 'empty', '(empty)', {}],
  ['"hello"', 'text/plain', 'text', '"hello"', {}],
  ['{"t":1.5}', 'text/plain', 'json', '{"t":1.5}', { t: 1.5 }],
  ['true', 'application/jsonish', 'text', 'true', {}],
  ['<img src=x>', 'text/html', 'text', '<img src=x>', {}],
] as const)
  test(`${text} that is called ${type} is ${kind}`, () => {
    const payload = readPayload(text, undefined, type)
    assert.deepEqual([payload.kind, payload.text], [kind, shown])
    assert.deepEqual(Object.fromEntries(payload.numbers), numbers)
  })

test('JSON that is deep or long is not set out in lines', () => {
  for (const text of ['['.repeat(2000) + ']'.repeat(2000), `[${'1,'.repeat(3000)}1]`])
    assert.doesNotMatch(readPayload(text, undefined, 'application/json').text, /\n/)
})

test('bytes that are called JSON are bytes all the same', () => {
  assert.equal(readPayload(undefined, 'AP8Q', 'application/json').text, '3 bytes: 00 ff 10')
})

test('bytes are shown by their number and the first of them', () => {
  assert.equal(readPayload(undefined, 'AP8Q').text, '3 bytes: 00 ff 10')
  const many = readPayload(undefined, Buffer.alloc(100, 7).toString('base64')).text
  assert.equal(many, `100 bytes: ${Array(32).fill('07').join(' ')} …`)
})

test('what is too long is cut, and an object gives no more than eight numbers', () => {
  assert.ok(readPayload('a'.repeat(100_000), undefined).text.length < 5000)
  const object = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`n${n}`, n]))
  assert.equal(readPayload(JSON.stringify(object), undefined).numbers.size, 8)
})

test('numbers have six digits, whole ones all of theirs', () => {
  assert.deepEqual([1 / 3, 123_456_789, 1e21, 21.5].map(formatNumber), [
    '0.333333',
    '123456789',
    '1e+21',
    '21.5',
  ])
})
