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
  ['an empty user name is none', 'topic a', '', 'c', 'a', ALL],
  ['no anonymous rules for a name', 'topic a', 'alice', 'c', 'a', 'nothing'],
  ['rights add up', 'topic read a\npattern write a', null, 'c', 'a', ALL],
  ['an own deny beats an allow above it', 'topic a/b\ntopic deny a/#', null, 'c', 'a/b', 'nothing'],
  ['an own allow beats a pattern deny', 'topic a\npattern deny a', null, 'c', 'a', ALL],
  ['an own deny beats a pattern', 'topic deny a\npattern a', null, 'c', 'a', 'nothing'],
  ['"#" leaves out "$"', 'topic #\npattern #', 'alice', 'c', '$x', 'nothing'],
  ['"+" leaves out "$"', 'topic +/a', null, 'c', '$x/a', 'nothing'],
  ['"$" inside is ordinary', 'topic a/+', null, 'c', 'a/$x', ALL],
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
  ['names keep their bytes', 'pattern %u', '$&', 'c', '$&', ALL],
  ['names are not scanned again', 'pattern %u', '%c', 'c', '%c', ALL],
  ['names may add levels', 'pattern a/%u/+', 'b/c', 'd', 'a/b/c/d', ALL],
  ['... before a wildcard too', 'pattern %c/+/%u', 'u', 'a//b', 'a//b/x/u', ALL],
  ['a name may bring a "$"', 'pattern read %u/#', '$SYS', 'c', '$SYS/x', 'receive'],
  ['no name, no %u', 'pattern deny %u\npattern #', null, 'c', '%u', ALL],
  ['an unknown client id is not an empty one', 'pattern a/%c', 'u', '', 'a/', 'nothing'],
  ['... and does not undo other patterns', 'pattern deny a/%c\npattern a/#', 'u', '', 'a/', ALL],
  ['a wildcard in a name undoes patterns', 'pattern a', 'u', 'c+', 'a', 'nothing'],
  ['... but not own rules', 'topic a\npattern b', null, '#', 'a', ALL],
  ['... and none is undone without patterns', 'user a+\ntopic a', 'a+', '#', 'a', ALL],
  ['a lone "%" stays', 'pattern a/%', 'u', 'c', 'a/%', ALL],
  ['"%%u" is "%" and a name', 'pattern %%u', 'u', 'c', '%u', ALL],
  ['a name that overlaps itself is found', 'pattern a%u', 'aab', 'c', 'aaab', ALL],
  ['... at the second try', 'pattern +/%uc', 'abab', 'c', 'x/ababc', ALL],
  ['... beside itself', 'pattern %u%u/%c%c', 'aa', 'aba', 'aaaa/abaaba', ALL],
  ['__proto__ is a name', 'user __proto__\ntopic a', '__proto__', 'c', 'a', ALL],
  ['constructor is no section', 'user x\ntopic a', 'constructor', 'c', 'a', 'nothing'],
  ['no topic is empty', 'topic #\npattern %c', null, 'c', '', 'nothing'],
  ['no topic holds "+"', 'topic #\ntopic a/+', null, 'c', 'a/+', 'nothing'],
  ['no topic holds "#"', 'topic #\ntopic a/#', null, 'c', 'a/#', 'nothing'],
  ['levels of bytes, not of letters', 'topic größe/+', null, 'c', 'größe/é', ALL],
] as const)
  test(`${behaviour}: ${expected}`, () => {
    assert.equal(may(file, user, clientId, topic), expected)
  })

test('names the first of the lines that say the same, a deny before an allow', () => {
  const rules = rulesOf(
    'user a\ntopic x\ntopic read #\nuser b\nuser a\ntopic deny y\ntopic deny +\n',
  )
  const line = (topic: string) => decide(rules, { user: 'a', clientId: 'c' }, 'receive', topic).line
  assert.equal(line('x'), 7)
  assert.equal(line('y'), 6)
  assert.equal(line('z/z'), 3)
})

test('the longest filters that Mosquitto takes hold', () => {
  const deep = `${'a/'.repeat(200)}a`
  const long = 'x'.repeat(65_535)
  const rules = rulesOf(`topic ${deep}\ntopic ${long}\n`)
  for (const topic of [deep, long])
    assert.equal(decide(rules, { user: null, clientId: 'c' }, 'publish', topic).allowed, true)
})
