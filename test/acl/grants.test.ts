import assert from 'node:assert/strict'
import { test } from 'node:test'
import { grantsOf } from '../../src/acl/grants.ts'
import { rulesOf } from './rules-of.ts'

const rules = rulesOf(`topic read public
pattern write dev/%u/%c
user alice
topic deny secret
topic a/b
pattern read id/%c
pattern readwrite dev-%u/%%u/#
user alice
topic write again
`)

test("grants list the user's rules first, then the patterns with the names filled in", () => {
  assert.deepEqual(grantsOf(rules, { user: 'alice', clientId: '%u' }).rules, [
    { access: 'deny', topic: 'secret' },
    { access: 'readwrite', topic: 'a/b' },
    { access: 'write', topic: 'again' },
    { access: 'write', topic: 'dev/alice/%u' },
    { access: 'read', topic: 'id/%u' },
    { access: 'readwrite', topic: 'dev-alice/%alice/#' },
  ])
})

test('grants leave out a pattern whose placeholder the client has no name for', () => {
  assert.deepEqual(grantsOf(rules, { user: null, clientId: 'c' }).rules, [
    { access: 'read', topic: 'public' },
    { access: 'read', topic: 'id/c' },
  ])
  assert.deepEqual(grantsOf(rules, { user: 'bob', clientId: '' }).rules, [
    { access: 'readwrite', topic: 'dev-bob/%bob/#' },
  ])
})

test('grants hold no pattern for a name with a wildcard', () => {
  assert.deepEqual(grantsOf(rules, { user: 'bob', clientId: 'c#' }).rules, [])
})

test('names are filled in as they are, also where String.replace would interpret them', () => {
  assert.deepEqual(grantsOf(rulesOf('pattern read %u'), { user: "$&$'$$", clientId: '' }).rules, [
    { access: 'read', topic: "$&$'$$" },
  ])
})

test('grants are bounded, and say how many are left out', () => {
  const many = rulesOf(`user bob\n${'topic read a\n'.repeat(1500)}`)
  const { rules: listed, omitted } = grantsOf(many, { user: 'bob', clientId: '' })
  assert.deepEqual([listed.length, omitted], [1000, 500])
})
