import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decide } from '../../src/acl/decide.ts'
import { referenceDecide } from './reference.ts'
import { rulesOf } from './rules-of.ts'

// so few words that hundreds of rules share levels, and some rules are the same
const level = fc.constantFrom('a', 'b', '+', '')
const filter = fc
  .tuple(fc.array(level, { minLength: 1, maxLength: 4 }), fc.constantFrom('', '', '/#'))
  .map(([levels, end]) => levels.join('/') + end)
  .filter((text) => text !== '')
const topic = fc
  .array(fc.constantFrom('a', 'b', 'c', ''), { minLength: 1, maxLength: 5 })
  .map((levels) => levels.join('/'))
  .filter((text) => text !== '')

for (const keyword of ['topic', 'pattern'])
  test(`hundreds of ${keyword} lines decide as each line by itself would`, () => {
    const line = fc
      .tuple(fc.constantFrom('read', 'write', 'readwrite', 'deny'), filter)
      .map(
        ([access, text]) =>
          `${keyword} ${access} ${keyword === 'pattern' ? text.replace('b', '%u') : text}`,
      )
    fc.assert(
      fc.property(
        fc.array(line, { minLength: 17, maxLength: 300, size: 'max' }),
        fc.array(topic, { minLength: 30, maxLength: 30 }),
        fc.constantFrom('b', 'a/b', 'b/', '/'),
        (lines, topics, user) => {
          const file = [`user ${user}`, ...lines].join('\n')
          const rules = rulesOf(file)
          const who = { user, clientId: 'c' }
          for (const name of topics)
            for (const action of ['publish', 'receive'] as const) {
              const { allowed, line: decided } = decide(rules, who, action, name)
              assert.deepEqual({ allowed, line: decided }, referenceDecide(file, who, action, name))
            }
        },
      ),
      { numRuns: 60 },
    )
  })
