import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decide, isAllowed } from '../../src/acl/decide.ts'
import { rulesOf } from './rules-of.ts'

const BOTH = ['publish', 'receive'] as const

function may(file: string, user: string | null, clientId: string, topic: string): string {
  const rules = rulesOf(file)
  const allowed = BOTH.filter((action) => decide(rules, { user, clientId }, action, topic).allowed)
  for (const action of BOTH)
    assert.equal(isAllowed(rules, { user, clientId }, action, topic), allowed.includes(action))
  return allowed.join(' and ') || 'nothing'
}

const ALL = 'publish and receive'

for (const [behaviour, file, user, clientId, topic, expected] of [
  ['an empty user name is anonymous', 'topic a', '', 'c', 'a', ALL],
  ['anonymous rules do not apply to a named user', 'topic a', 'alice', 'c', 'a', 'nothing'],
  ['rights add up', 'topic read a\npattern write a', null, 'c', 'a', ALL],
  ["a user's deny beats an allow", 'topic a/b\ntopic deny a/#', null, 'c', 'a/b', 'nothing'],
  ["a user's allow beats a pattern deny", 'topic a\npattern deny a', null, 'c', 'a', ALL],
  ["a user's deny beats a pattern", 'topic deny a\npattern a', null, 'c', 'a', 'nothing'],
  ['"#" leaves out "$"', 'topic #\npattern #', 'alice', 'c', '$x', 'nothing'],
  ['"+" leaves out "$"', 'topic +/a', null, 'c', '$x/a', 'nothing'],
  ['"$" after the first character is ordinary', 'topic a/+', null, 'c', 'a/$x', ALL],
  ['$SYS can be read', 'topic $SYS/#', null, 'c', '$SYS/x', 'receive'],
  ['$SYS is a prefix', 'topic $SYSTEM', null, 'c', '$SYSTEM', 'receive'],
  [
    'but for the state of bridges',
    'topic #\ntopic $SYS/#',
    null,
    'c',
    '$SYS/broker/connection//state',
    ALL,
  ],
  ['$share is a prefix', 'topic $shared/#', null, 'c', '$shared/x', 'nothing'],
  ['names are inserted as they are', 'pattern %u', '$&', 'c', '$&', ALL],
  ['a placeholder in a name is not replaced again', 'pattern %u', '%c', 'c', '%c', ALL],
  ['a name may add levels', 'pattern a/%u/+', 'b/c', 'd', 'a/b/c/d', ALL],
  ['... before a wildcard too', 'pattern %c/+/%u', 'u', 'a//b', 'a//b/x/u', ALL],
  ['a name may begin with "$"', 'pattern read %u/#', '$SYS', 'c', '$SYS/x', 'receive'],
  ['no name, no %u', 'pattern deny %u\npattern #', null, 'c', '%u', ALL],
  ['an unknown client id is not an empty one', 'pattern a/%c', 'u', '', 'a/', 'nothing'],
  ['... and does not disable other patterns', 'pattern deny a/%c\npattern a/#', 'u', '', 'a/', ALL],
  ['a wildcard in a name disables patterns', 'pattern a', 'u', 'c+', 'a', 'nothing'],
  ["... but not the user's own rules", 'topic a\npattern b', null, '#', 'a', ALL],
  ['... also where there are no patterns', 'user a+\ntopic a', 'a+', '#', 'a', ALL],
  ['a lone "%" stays', 'pattern a/%', 'u', 'c', 'a/%', ALL],
  ['"%%u" is "%" and a name', 'pattern %%u', 'u', 'c', '%u', ALL],
  ['a name that overlaps itself is found', 'pattern a%u', 'aab', 'c', 'aaab', ALL],
  ['... at the second try', 'pattern +/%uc', 'abab', 'c', 'x/ababc', ALL],
  ['... beside itself', 'pattern %u%u/%c%c', 'aa', 'aba', 'aaaa/abaaba', ALL],
  ['__proto__ is a name', 'user __proto__\ntopic a', '__proto__', 'c', 'a', ALL],
  ['constructor is not a section', 'user x\ntopic a', 'constructor', 'c', 'a', 'nothing'],
  ['an empty topic is denied', 'topic #\npattern %c', null, 'c', '', 'nothing'],
  ['a topic with "+" is denied', 'topic #\ntopic a/+', null, 'c', 'a/+', 'nothing'],
  ['a topic with "#" is denied', 'topic #\ntopic a/#', null, 'c', 'a/#', 'nothing'],
  ['levels are compared by bytes', 'topic größe/+', null, 'c', 'größe/é', ALL],
] as const)
  test(`${behaviour}: ${expected}`, () => {
    assert.equal(may(file, user, clientId, topic), expected)
  })

test('a verdict names the first line that decides it, a deny before an allow', () => {
  const rules = rulesOf(
    'user a\ntopic x\ntopic read #\nuser b\nuser a\ntopic deny y\ntopic deny +\n',
  )
  const line = (topic: string) => decide(rules, { user: 'a', clientId: 'c' }, 'receive', topic).line
  assert.equal(line('x'), 7)
  assert.equal(line('y'), 6)
  assert.equal(line('z/z'), 3)
})

test('the longest filters that Mosquitto accepts are matched', () => {
  const deep = `${'a/'.repeat(200)}a`
  const long = 'x'.repeat(65_535)
  const rules = rulesOf(`topic ${deep}\ntopic ${long}\n`)
  for (const topic of [deep, long])
    assert.equal(decide(rules, { user: null, clientId: 'c' }, 'publish', topic).allowed, true)
})
