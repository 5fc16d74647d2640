import assert from 'node:assert/strict'
import { test } from 'node:test'
import { couldReceive } from '../../src/acl/could-receive.ts'
import { decide } from '../../src/acl/decide.ts'
import { grantsOf } from '../../src/acl/grants.ts'
import { hostile } from './hostile.ts'
import { rulesOf } from './rules-of.ts'

// ten times what bench/acl.ts measures, for busy machines; an attack that worked would grow faster
// than linearly and take seconds
const BOUND_MS = 100

function quickest(run: () => unknown): number {
  const times = Array.from({ length: 5 }, () => {
    const start = performance.now()
    run()
    return performance.now() - start
  })
  return Math.min(...times)
}

for (const { name, bytes, who, topic, filter } of hostile())
  test(`decides quickly: ${name}`, () => {
    const rules = rulesOf(bytes)
    assert.ok(quickest(() => decide(rules, who, 'receive', topic)) < BOUND_MS)
    assert.ok(quickest(() => couldReceive(rules, who, [filter])) < BOUND_MS)
  })

test('grants leave out patterns that a long name makes longer than any topic', () => {
  const rules = rulesOf(`pattern read ${'%c'.repeat(30_000)}\npattern read %c/#\n`)
  assert.deepEqual(grantsOf(rules, { user: 'u', clientId: 'x'.repeat(60_000) }).rules, [
    { access: 'read', topic: `${'x'.repeat(60_000)}/#` },
  ])
})
