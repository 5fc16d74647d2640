import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { filterOf } from '../../src/acl/fill-in.ts'
import { sorted } from '../../src/acl/sort.ts'
import { finish } from '../../src/acl/steps.ts'
import { rulesOf } from './rules-of.ts'

test('each user has all of its rules in the order of the file, however many sections it has', () => {
  const user = fc.constantFrom('a', 'b', 'ab', 'ö', '💡', '\ufffd', 'B', 'a b')
  const lines = fc.oneof(
    user.map((name) => ({ user: name })),
    fc.constantFrom('x', 'y/+', 'z/#').map((filter) => ({ filter })),
  )
  fc.assert(
    fc.property(fc.array(lines, { maxLength: 100, size: 'max' }), (file) => {
      const expected = new Map<string, string[]>()
      let owner: string | null = null
      for (const line of file)
        if ('user' in line) owner = line.user
        else if (owner !== null) expected.set(owner, [...(expected.get(owner) ?? []), line.filter])
      const text = file.map((line) =>
        'user' in line ? `user ${line.user}` : `topic ${line.filter}`,
      )
      const rules = rulesOf(text.join('\n'))
      const filters = (name: string) =>
        Array.from(rules.users.get(name)?.rules ?? [], (rule) => filterOf(rules, rule))
      assert.equal(rules.users.size, expected.size)
      assert.deepEqual(new Set(Array.from(rules.users, ([name]) => name)), new Set(expected.keys()))
      for (const [name, wanted] of expected) assert.deepEqual(filters(name), wanted)
      assert.equal(rules.users.get('nobody'), null)
    }),
  )
})

test('a name with half of a surrogate pair is not U+FFFD', () => {
  const rules = rulesOf('user \ufffd\ntopic a\n')
  assert.ok(rules.users.get('\ufffd'))
  assert.equal(rules.users.get('\ud800'), null)
})

test('sorting keeps the order of equal numbers', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 200, size: 'max' }), (keys) => {
      const compare = (a: number, b: number) => (keys[a] ?? 0) - (keys[b] ?? 0)
      assert.deepEqual(
        Array.from(finish(sorted(keys.length, compare))),
        Array.from(keys.keys()).sort(compare),
      )
    }),
  )
})
