import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decide } from '../../src/acl/decide.ts'
import { parseAcl } from '../../src/acl/parse.ts'
import { topicMatches } from '../../src/topic/match.ts'
import { CASES, fileOf } from './mosquitto-cases.ts'

// a file with a NUL is refused here, where Mosquitto ignores what follows it
const REFUSED = new Set(['h070-nul-in-line-noeol'])

let checked = 0
for (const recorded of CASES) {
  const { id, expectLoad, checks } = recorded
  test(`Mosquitto 2.0.11 agrees on ${id}`, () => {
    const parsed = parseAcl(fileOf(recorded))
    if (REFUSED.has(id) || expectLoad === 'error') return assert.equal(parsed.ok, false)
    assert.ok(parsed.ok)
    for (const check of checks) {
      const { user, clientId, topic, filter = topic } = check
      const action = check.action === 'publish' ? 'publish' : 'receive'
      // the door refuses it at CONNECT, before it asks any rule
      if (check.closed) continue
      const { allowed } = decide(parsed.rules, { user, clientId }, action, topic)
      assert.equal(allowed && topicMatches(filter, topic), check.expected, JSON.stringify(check))
      checked += 1
    }
  })
}

test('all 1,763 recorded verdicts were compared, except four of the NUL file and two of closed connections', () => {
  assert.equal(checked, 1763 - 4 - 2)
})
