import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decide } from '../../src/acl/decide.ts'
import { goodFile, topic, who } from './generator.ts'
import { referenceDecide } from './reference.ts'
import { rulesOf } from './rules-of.ts'

test('decide gives the same verdict and line as a slow step-by-step reference', () => {
  const questions = fc.array(fc.tuple(who, fc.constantFrom('publish', 'receive'), topic), {
    minLength: 20,
    maxLength: 20,
  })
  fc.assert(
    fc.property(goodFile, questions, (file, asked) => {
      const rules = rulesOf(file)
      for (const [client, action, name] of asked) {
        const { allowed, line } = decide(rules, client, action, name)
        assert.deepEqual({ allowed, line }, referenceDecide(file, client, action, name))
      }
    }),
    { numRuns: 1000 },
  )
})
