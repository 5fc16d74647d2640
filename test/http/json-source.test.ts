import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { memberSource } from '../../src/http/json-source.ts'

it('the text of a member is returned as written, whatever the rest of the object', () => {
  const spaces = fc.string({ unit: fc.constantFrom(' ', '\t', '\r'), maxLength: 3 })
  const name = fc.oneof(fc.constantFrom('payload', 'a', '"', '\\', '}', ':'), fc.string())
  const member = fc.tuple(name, fc.oneof(fc.json(), fc.constantFrom('1.10', '1e400', '"\\u007d"')))
  fc.assert(
    fc.property(fc.array(member, { maxLength: 5 }), spaces, (members, space) => {
      const parts = members.map(
        ([name, value]) => `${space}${JSON.stringify(name)}${space}:${space}${value}${space}`,
      )
      const object = `${space}{${parts.join(',')}}`
      for (const [name] of members)
        assert.equal(memberSource(object, name), members.findLast(([other]) => other === name)?.[1])
      const missing = members.every(([name]) => name !== 'none')
      if (missing) assert.equal(memberSource(object, 'none'), null)
    }),
    { numRuns: 500 },
  )
})
