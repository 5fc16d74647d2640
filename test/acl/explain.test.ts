import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decide } from '../../src/acl/decide.ts'
import { explain } from '../../src/acl/explain.ts'
import { goodFile, topic, who } from './generator.ts'
import { rulesOf } from './rules-of.ts'

const rules = rulesOf(`topic read public/#
user sensor
topic read wott/#
topic write wott/temperature
topic deny wott/secret
topic write $x
pattern write dev/%u/#
pattern deny dev/+/locked
`)

function sentences(
  user: string | null,
  action: 'publish' | 'receive',
  name: string,
  clientId = 'c',
): string[] {
  return [...explain(rules, { user, clientId }, action, name).sentences]
}

test('an explanation names the line that allows', () => {
  assert.deepEqual(sentences('sensor', 'publish', 'wott/temperature'), [
    'User "sensor" may publish to "wott/temperature".',
    'It is allowed by line 4, "topic write wott/temperature".',
  ])
})

test('an explanation names the line that denies, and the one that would allow', () => {
  assert.deepEqual(sentences('sensor', 'receive', 'wott/secret'), [
    'User "sensor" may not receive "wott/secret".',
    'It is denied by line 5, "topic deny wott/secret"; a deny line overrides every line that allows.',
    'Without that line it would be allowed by line 3, "topic read wott/#".',
  ])
  assert.deepEqual(sentences('x', 'receive', 'dev/x/locked'), [
    'User "x" may not receive "dev/x/locked".',
    'It is denied by line 8, "pattern deny dev/+/locked"; a deny line overrides every line that allows.',
  ])
})

test('an explanation names the line that is missing', () => {
  assert.deepEqual(sentences('sensor', 'publish', 'wott/humidity'), [
    'User "sensor" may not publish to "wott/humidity".',
    'Only line 3, "topic read wott/#" matches it, and that does not allow anybody to publish.',
    'To allow it, add "topic write wott/humidity" below "user sensor".',
  ])
  assert.deepEqual(sentences('bob', 'receive', 'public/x'), [
    'User "bob" may not receive "public/x".',
    'No line that applies to this client matches it.',
    'To allow it, add "topic read public/x" below "user bob"; that user has no topic lines yet.',
  ])
  assert.deepEqual(
    sentences(null, 'publish', 'public/x').at(-1),
    'To allow it, add "topic write public/x" before the first "user" line.',
  )
})

test('an explanation says why pattern lines do not apply', () => {
  assert.deepEqual(sentences('bob', 'publish', 'dev/bob/x', 'c#').slice(1, 3), [
    'No line that applies to this client matches it.',
    'Pattern lines do not apply, because the user name or the client id contains "+" or "#".',
  ])
})

test('an explanation says what no line can change', () => {
  assert.deepEqual(sentences('sensor', 'publish', '$SYS/x'), [
    '"$SYS/x" is a reserved name: no line can allow anybody to publish to it.',
  ])
  assert.match(
    sentences('sensor', 'publish', 'a/#').join(),
    /is not a valid topic: it must not contain a wildcard/,
  )
  assert.match(
    sentences('sensor', 'receive', '').join(),
    /is not a valid topic: it must not be empty/,
  )
  assert.match(
    sentences('sensor', 'publish', '$x').join('\n'),
    /may publish to "\$x".*But HTTP refuses it: a topic must not start with "\$"/s,
  )
})

test('an explanation says what the gateway refuses although Mosquitto would not', () => {
  const deep = `public${'/a'.repeat(100)}`
  assert.match(
    sentences(null, 'receive', deep).at(-1) ?? '',
    /^But every door refuses it: a topic must have at most 100 levels\.$/,
  )
})

test('an explanation has the verdict of decide, and always sentences', () => {
  fc.assert(
    fc.property(
      goodFile,
      who,
      fc.constantFrom('publish', 'receive'),
      topic,
      (file, client, action, name) => {
        const parsed = rulesOf(file)
        const { sentences, ...verdict } = explain(parsed, client, action, name)
        assert.deepEqual(verdict, decide(parsed, client, action, name))
        assert.ok(sentences.length > 0)
        assert.equal(/ may not | reserved /.test(sentences[0] ?? ''), !verdict.allowed)
      },
    ),
    { numRuns: 2000 },
  )
})
