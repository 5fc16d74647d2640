import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answer, parseQuestion } from '../../src/acl/questions.ts'
import { rulesOf } from './rules-of.ts'

test('a question is read from JSON', () => {
  assert.deepEqual(
    parseQuestion(
      '{"user":"alice","clientId":"c1","action":"publish","topic":"a/b","expect":true}',
    ),
    {
      ok: true,
      question: {
        who: { user: 'alice', clientId: 'c1' },
        action: 'publish',
        topic: 'a/b',
        expect: true,
      },
    },
  )
})

test('the client id and the expectation are optional, and other members are ignored', () => {
  assert.deepEqual(parseQuestion('{"user":null,"action":"receive","topic":"a","expected":true}'), {
    ok: true,
    question: {
      who: { user: null, clientId: '' },
      action: 'receive',
      topic: 'a',
      expect: null,
    },
  })
})

for (const [written, expected] of [
  ['true', true],
  ['false', false],
  ['"allow"', true],
  ['"deny"', false],
  ['null', null],
] as const)
  test(`"expect": ${written} expects ${expected}`, () => {
    const parsed = parseQuestion(`{"user":"a","action":"publish","topic":"t","expect":${written}}`)
    assert.ok(parsed.ok)
    assert.equal(parsed.question.expect, expected)
  })

for (const [line, error] of [
  ['', /not JSON/],
  ['{', /not JSON/],
  ['[]', /object/],
  ['null', /object/],
  ['{"action":"publish","topic":"a"}', /"user" must be a string, or null/],
  ['{"user":1,"action":"publish","topic":"a"}', /"user" must be a string, or null/],
  ['{"user":"\\ud800","action":"publish","topic":"a"}', /"user" must be a string, or null/],
  ['{"user":"a","clientId":null,"action":"publish","topic":"a"}', /"clientId" must be a string/],
  ['{"user":"a","action":"write","topic":"a"}', /"action" must be .*, not "\\"write\\""/],
  ['{"user":"a","topic":"a"}', /"action" must be "publish" or "receive"$/],
  ['{"user":"a","action":"publish"}', /"topic" must be a string/],
  ['{"user":"a","action":"publish","topic":"a","expect":"yes"}', /"expect" must be/],
] as const)
  test(`an error names what is wrong with ${line}`, () => {
    const parsed = parseQuestion(line)
    assert.ok(!parsed.ok)
    assert.match(parsed.error, error)
  })

test('an answer is JSON with the verdict, the line and the rule', () => {
  const rules = rulesOf('user alice\n\n  topic readwrite a/#\n')
  const question = (topic: string) => {
    const parsed = parseQuestion(JSON.stringify({ user: 'alice', action: 'publish', topic }))
    assert.ok(parsed.ok)
    return JSON.stringify(answer(rules, parsed.question))
  }
  assert.equal(question('a/b'), '{"allowed":true,"line":3,"rule":"topic readwrite a/#"}')
  assert.equal(question('b'), '{"allowed":false,"line":null,"rule":null}')
})
