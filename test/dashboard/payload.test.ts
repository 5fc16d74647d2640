import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Payload, readPayload } from '../../src/dashboard/payload.ts'

for (const [text, kind, shown, numbers] of [
  ['21.5', 'number', '21.5', { '': 21.5 }],
  [' -4e-3\n', 'number', '-4e-3', { '': -0.004 }],
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
    assert.deepEqual(numbersIn(payload), numbers)
  })

for (const [text, type, kind, shown, numbers] of [
  [
    '{"t":1.5,"a":[1]}',
    'application/json',
    'json',
    '{\n  "t": 1.5,\n  "a": [\n    1\n  ]\n}',
    { t: 1.5, 'a.0': 1 },
  ],
  ['"hello"', 'application/senml+json; charset=utf-8', 'json', '"hello"', {}],
  ['null', 'TEXT/JSON', 'json', 'null', {}],
  ['21.50', 'application/json', 'number', '21.50', { '': 21.5 }],
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
    assert.deepEqual(numbersIn(payload), numbers)
  })

test('JSON that is deep or long is not indented', () => {
  for (const text of ['['.repeat(2000) + ']'.repeat(2000), `[${'1,'.repeat(3000)}1]`])
    assert.doesNotMatch(readPayload(text, undefined, 'application/json').text, /\n/)
})

test('bytes with a JSON content type are shown as bytes', () => {
  assert.equal(readPayload(undefined, 'AP8Q', 'application/json').text, '3 bytes: 00 ff 10')
})

test('bytes are shown by their number and the first of them', () => {
  assert.equal(readPayload(undefined, 'AP8Q').text, '3 bytes: 00 ff 10')
  const many = readPayload(undefined, Buffer.alloc(100, 7).toString('base64')).text
  assert.equal(many, `100 bytes: ${Array(32).fill('07').join(' ')} …`)
})

test('a long payload is shortened', () => {
  assert.ok(readPayload('a'.repeat(100_000), undefined).text.length < 5000)
})

test('numbers are shown with the digits that were sent', () => {
  for (const text of ['1795690123', '99999.99', '0.1234567890123', '12345678901234567890', '1.0'])
    for (const type of ['', 'application/json']) {
      assert.equal(readPayload(text, undefined, type).text, text)
      const shown = readPayload(`{ "n": [${text}] }`, undefined, type).text
      assert.equal(shown.replaceAll(/\s/g, ''), `{"n":[${text}]}`)
    }
})

function numbersIn({ values }: Payload): object {
  const numbers = [...values].flatMap(([name, { number }]) =>
    number === null ? [] : [[name, number] as const],
  )
  return Object.fromEntries(numbers)
}
