import assert from 'node:assert/strict'
import { it } from 'node:test'
import { grantsOf } from '../../src/acl/grants.ts'
import { lostBetween } from '../../src/visitors/lost-rights.ts'
import { aclOf } from '../support/acl.ts'

const WHO = { user: 'a', clientId: 'a' }

function lost(before: string, after: string): string[] {
  const [old, next] = [before, after].map((text) => grantsOf(aclOf(text).current, WHO).rules)
  return lostBetween(old ?? [], next ?? [])
}

it('rights are lost where no line gives them any more, or one denies', () => {
  assert.deepEqual(lost('user a\ntopic x\n', 'user a\ntopic x\n'), [])
  assert.deepEqual(lost('user a\ntopic x\n', 'user a\ntopic read x\n'), ['publish x'])
  assert.deepEqual(lost('user a\ntopic x/y\n', 'user a\ntopic x/#\n'), [])
  assert.deepEqual(lost('user a\ntopic x/#\n', 'user a\ntopic x/y\n'), [
    'publish x/#',
    'receive x/#',
  ])
  assert.deepEqual(lost('user a\ntopic read x\n', 'user a\ntopic read x\ntopic deny x\n'), [
    'deny x',
  ])
  assert.deepEqual(lost('pattern read %u/#\n', 'user a\ntopic read a/#\n'), [])
  assert.deepEqual(lost('pattern read %u/#\n', ''), ['receive a/#'])
})
