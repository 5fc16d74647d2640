import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { decide } from '../../src/acl/decide.ts'
import { parseAcl } from '../../src/acl/parse.ts'
import { topicMatches } from '../../src/topic/match.ts'

interface Case {
  readonly id: string
  readonly acl?: string
  readonly aclBase64?: string
  readonly expectLoad: 'ok' | 'error'
  readonly checks: readonly {
    readonly user: string | null
    readonly clientId: string
    readonly action: 'publish' | 'receive' | 'retained'
    readonly topic: string
    /** The filter of the subscription, unless it was the topic itself. */
    readonly filter?: string
    readonly expected: boolean
    /** Mosquitto closed the connection, because the packet was malformed. */
    readonly closed?: boolean
  }[]
}

const { cases } = JSON.parse(
  readFileSync(new URL('mosquitto-cases.json', import.meta.url), 'utf8'),
) as { cases: readonly Case[] }

// a file with a NUL is refused here, where Mosquitto ignores what follows it
const REFUSED = new Set(['h070-nul-in-line-noeol'])

let checked = 0
for (const { id, acl, aclBase64, expectLoad, checks } of cases)
  test(`Mosquitto 2.0.11 agrees on ${id}`, () => {
    const bytes =
      aclBase64 === undefined ? Buffer.from(acl ?? '') : Buffer.from(aclBase64, 'base64')
    const parsed = parseAcl(bytes)
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

test('all 1,763 recorded verdicts were compared, except four of the NUL file and two of closed connections', () => {
  assert.equal(checked, 1763 - 4 - 2)
})
