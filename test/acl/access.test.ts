import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAccess } from '../../src/acl/access.ts'
import type { AclRules } from '../../src/acl/rules.ts'
import { rulesOf } from './rules-of.ts'

const who = { user: 'alice', clientId: 'c' }

test('an access decides publishing and receiving separately', () => {
  const source = { current: rulesOf('user alice\ntopic read in/#\ntopic write out/#\n') }
  const access = createAccess(source, who)
  for (let again = 0; again < 2; again++) {
    assert.equal(access.mayPublish('out/x'), true)
    assert.equal(access.mayPublish('in/x'), false)
    assert.equal(access.mayReceive('out/x'), false)
    assert.equal(access.mayReceive('in/x'), true)
  }
  assert.equal(access.couldReceive(['+/x']), true)
  assert.equal(access.couldReceive(['out/#']), false)
  assert.deepEqual(access.grants().rules, [
    { access: 'read', topic: 'in/#' },
    { access: 'write', topic: 'out/#' },
  ])
  assert.equal(access.who, who)
})

test('new rules apply from the next question on', () => {
  const source = { current: rulesOf('user alice\ntopic a\n') }
  const access = createAccess(source, who)
  assert.equal(access.mayPublish('a'), true)
  assert.equal(access.mayReceive('a'), true)
  source.current = rulesOf('user alice\ntopic read a\n')
  assert.equal(access.mayPublish('a'), false)
  assert.equal(access.mayReceive('a'), true)
  source.current = rulesOf('')
  assert.equal(access.mayReceive('a'), false)
  assert.equal(access.couldReceive(['#']), false)
  assert.deepEqual(access.grants().rules, [])
})

test('verdicts stay right when more topics are asked for than are remembered', () => {
  const access = createAccess({ current: rulesOf('user alice\ntopic even/+\n') }, who)
  for (let round = 0; round < 2; round++)
    for (let n = 0; n < 3000; n++)
      assert.equal(access.mayPublish(`${n % 2 ? 'odd' : 'even'}/${n}`), n % 2 === 0)
})

test('a verdict is remembered, unless long topics push it out', () => {
  let reads = 0
  const rules = rulesOf('user alice\ntopic a\n')
  const counting: AclRules = {
    ...rules,
    get users() {
      reads += 1
      return rules.users
    },
  }
  const access = createAccess({ current: counting }, who)
  for (let n = 0; n < 10; n++) access.mayPublish('a')
  assert.equal(reads, 1)
  // the memory is bounded in bytes: these push the first topic out
  for (let n = 0; n < 10; n++) access.mayPublish(String(n).repeat(60_000))
  access.mayPublish('a')
  assert.equal(reads, 12)
})
