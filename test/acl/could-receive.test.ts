import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { couldReceive } from '../../src/acl/could-receive.ts'
import { decide } from '../../src/acl/decide.ts'
import { topicMatches } from '../../src/topic/match.ts'
import { filter, goodFile, topic, who } from './generator.ts'
import { rulesOf } from './rules-of.ts'

test('couldReceive is true where some topic that the filter covers may be received', () => {
  let witnessed = 0
  fc.assert(
    fc.property(
      goodFile,
      fc.array(fc.tuple(who, filter, fc.array(topic, { maxLength: 20 })), { maxLength: 10 }),
      (file, questions) => {
        const rules = rulesOf(file)
        for (const [client, asked, topics] of questions)
          for (const name of topics)
            if (topicMatches(asked, name) && decide(rules, client, 'receive', name).allowed) {
              witnessed += 1
              assert.equal(couldReceive(rules, client, [asked]), true, `${asked} covers ${name}`)
            }
      },
    ),
    { numRuns: 1000 },
  )
  assert.ok(witnessed > 1000)
})

// all topics of up to three levels from a few words stand for every topic there could be
const LEVELS = ['', 'a', 'b', 'alice', 'new']
const WORLD = ['$a', '$new']
for (const first of LEVELS) {
  WORLD.push(first)
  for (const second of LEVELS) {
    WORLD.push(`${first}/${second}`)
    for (const third of LEVELS) {
      WORLD.push(`${first}/${second}/${third}`)
      WORLD.push(`${first}/${second}/${third}/new`)
    }
  }
}

test('couldReceive is true only where some topic that the filter covers may be received, with deny lines too', () => {
  const level = fc.constantFrom('a', 'b', '+', '+', '')
  const small = fc
    .tuple(
      fc.array(level, { minLength: 1, maxLength: 3 }),
      fc.constantFrom('', '/#'),
      fc.constantFrom(false, false, true),
    )
    .map(([levels, end, all]) => (all ? '#' : levels.join('/') + end || 'a'))
  const line = fc
    .tuple(fc.constantFrom('topic', 'pattern'), fc.constantFrom('read', 'deny'), small)
    .map(
      ([keyword, access, name]) =>
        `${keyword} ${access} ${name.replace('b', keyword === 'pattern' ? '%u' : 'b')}`,
    )
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), small, (lines, asked) => {
      const rules = rulesOf(['user alice', ...lines].join('\n'))
      const client = { user: 'alice', clientId: 'c' }
      const some = WORLD.some(
        (name) => topicMatches(asked, name) && decide(rules, client, 'receive', name).allowed,
      )
      assert.equal(couldReceive(rules, client, [asked]), some)
    }),
    { numRuns: 5000 },
  )
})

for (const [file, asked, expected] of [
  ['topic read a/b', 'a/+', true],
  ['topic write a/b', 'a/+', false],
  ['topic read a/b', 'a/b/#', true],
  ['topic read a/b/#', 'a/+', true],
  ['topic read a/+/c', '+/b/#', true],
  ['topic read a/+/c', '+/b', false],
  ['topic read #', '$SYS/#', false],
  ['topic read $SYS/#', '#', false],
  ['topic read $SYS/#', '$SYS/broker/+', true],
  ['topic read $share/#', '$share/g/a', false],
  ['topic read a/#\ntopic deny a/#', 'a/#', false],
  ['topic read a/#\ntopic deny a/+/#', 'a/#', true],
  ['topic read a/#\ntopic deny a\ntopic deny a/+/#', 'a/#', false],
  ['topic read a/#\ntopic deny a/secret', 'a/secret', false],
  ['topic read a/+\ntopic deny a/secret', 'a/+', true],
  ['pattern read dev/%u/#', 'dev/+/x', true],
  ['pattern read dev/%u/#', 'dev/bob/#', false],
  ['pattern read dev/%c', 'dev/#', false],
  ['pattern read dev/%c/x\npattern deny dev/+/x', 'dev/#', false],
  ['user alice\ntopic read a\nuser bob\ntopic read b', 'b', false],
  ['pattern deny a\nuser alice\ntopic read a', 'a', true],
] as const)
  test(`${JSON.stringify(file)} ${expected ? 'allows' : 'does not allow'} a subscription to ${asked}`, () => {
    const rules = rulesOf(
      file.startsWith('user') || file.includes('pattern') ? file : `user alice\n${file}`,
    )
    assert.equal(couldReceive(rules, { user: 'alice', clientId: '' }, [asked]), expected)
  })
