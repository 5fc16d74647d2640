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
    /** What was subscribed to, where it was not the topic itself. */
    readonly filter?: string
    readonly expected: boolean
    /** The broker closed the connection, because of what no wire may carry. */
    readonly closed?: boolean
  }[]
}

const { cases } = JSON.parse(
  readFileSync(new URL('mosquitto-cases.json', import.meta.url), 'utf8'),
) as { cases: readonly Case[] }

// CONTRACT.md wins: a file with a NUL is refused, where Mosquitto forgets what follows it
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
      // refused at CONNECT, before any rule is asked: the door's to do, not a verdict
      if (check.closed) continue
      const { allowed } = decide(parsed.rules, { user, clientId }, action, topic)
      assert.equal(allowed && topicMatches(filter, topic), check.expected, JSON.stringify(check))
      checked += 1
    }
  })

test('all 1,763 recorded verdicts were compared but the four of the NUL file and two of closed connections', () => {
  assert.equal(checked, 1763 - 4 - 2)
})
