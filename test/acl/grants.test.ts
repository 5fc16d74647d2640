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

test('own rules first, then the patterns with the names in them', () => {
  assert.deepEqual(grantsOf(rules, { user: 'alice', clientId: '%u' }).rules, [
    { access: 'deny', topic: 'secret' },
    { access: 'readwrite', topic: 'a/b' },
    { access: 'write', topic: 'again' },
    { access: 'write', topic: 'dev/alice/%u' },
    { access: 'read', topic: 'id/%u' },
    { access: 'readwrite', topic: 'dev-alice/%alice/#' },
  ])
})

test('a pattern that wants a name which the client has not is left out', () => {
  assert.deepEqual(grantsOf(rules, { user: null, clientId: 'c' }).rules, [
    { access: 'read', topic: 'public' },
    { access: 'read', topic: 'id/c' },
  ])
  assert.deepEqual(grantsOf(rules, { user: 'bob', clientId: '' }).rules, [
    { access: 'readwrite', topic: 'dev-bob/%bob/#' },
  ])
})

test('no pattern holds for a name with a wildcard', () => {
  assert.deepEqual(grantsOf(rules, { user: 'bob', clientId: 'c#' }).rules, [])
})

test('names are put in as they are, whatever String.replace makes of them', () => {
  assert.deepEqual(grantsOf(rulesOf('pattern read %u'), { user: "$&$'$$", clientId: '' }).rules, [
    { access: 'read', topic: "$&$'$$" },
  ])
})

test('says how much it leaves out', () => {
  const many = rulesOf(`user bob\n${'topic read a\n'.repeat(1500)}`)
  const { rules: listed, omitted } = grantsOf(many, { user: 'bob', clientId: '' })
  assert.deepEqual([listed.length, omitted], [1000, 500])
})
