import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { IssuedEntry } from '../../src/ca/ledger.ts'
import type { Csr } from '../../src/ca/read-csr.ts'
import { EMPTY_BOOK, type EnrolBook, newInvite, SPENT_LASTS_MS } from '../../src/enrol/book.ts'
import { decideEnrolment } from '../../src/enrol/decide.ts'
import type { Credential, EnrolState } from '../../src/enrol/decision.ts'
import { waitForNext } from '../../src/enrol/standing.ts'
import { fallbackToken } from '../../src/enrol/tokens.ts'

/** How long after its end a certificate can still be renewed. */
const GRACE_MS = 30 * 86_400_000
/** Certificates that a device gets at once, and how long it waits for another one. */
const BURST = 20
const REFILL_MS = 600_000

const NOW = Date.parse('2026-11-26T12:00:00Z')
const DAY = 86_400_000
const KITCHEN = 'kitchen.d.wott.local'
const SECRET = Buffer.alloc(32, 7)

function csr(changes: Partial<Csr> = {}): Csr {
  return {
    commonNames: [KITCHEN],
    alternativeNames: [`dns:${KITCHEN}`],
    publicKey: Buffer.alloc(0),
    key: 'key',
    keyProblem: null,
    challengePassword: null,
    ...changes,
  }
}

function issued(serial: string, changes: Partial<IssuedEntry> = {}): IssuedEntry {
  return {
    id: KITCHEN,
    serial,
    issuedAt: NOW - 10 * DAY,
    notAfter: NOW + 20 * DAY,
    fingerprint: `fingerprint of ${serial}`,
    key: `key of ${serial}`,
    via: 'invite',
    presentedAt: null,
    revokedAt: null,
    reason: null,
    issuer: null,
    ...changes,
  }
}

function state(changes: Partial<EnrolState> = {}): EnrolState {
  return { book: EMPTY_BOOK, issued: [], secret: SECRET, acceptsUninvited: false, ...changes }
}

function shown(serial: string): Credential {
  return { kind: 'certificate', shown: { fingerprint: `fingerprint of ${serial}`, serial } }
}

function ask(credential: Credential, inState: EnrolState, request = csr(), now = NOW) {
  return decideEnrolment(
    { credential, csr: request, address: '192.0.2.1', binding: null },
    inState,
    now,
  )
}

function reasonOf(decision: ReturnType<typeof decideEnrolment>): string {
  return decision.kind === 'refuse' ? decision.reason : decision.kind
}

describe('an invite', () => {
  const book: EnrolBook = { invites: [newInvite(KITCHEN, 'token', NOW + 60_000)], keys: [] }
  const invite = (token: string, name = ''): Credential => ({ kind: 'invite', name, token })

  it('can be used once, and for ten more minutes by the same key', () => {
    const first = ask(invite('token', 'kitchen'), state({ book }))
    assert.ok(first.kind === 'issue')
    assert.equal(first.id, KITCHEN)
    const spent = state({ book: first.book })
    const later = NOW + SPENT_LASTS_MS
    assert.equal(reasonOf(ask(invite('token'), spent)), 'issue')
    assert.equal(reasonOf(ask(invite('token'), spent, csr(), later - 1)), 'issue')
    assert.equal(reasonOf(ask(invite('token'), spent, csr(), later)), 'invite_spent')
    assert.equal(reasonOf(ask(invite('token'), spent, csr({ key: 'other' }))), 'invite_spent')
  })

  it('is refused when it is wrong, expired or for another name', () => {
    assert.equal(reasonOf(ask(invite('guess'), state({ book }))), 'invite_unknown')
    assert.equal(reasonOf(ask(invite('token', 'hall'), state({ book }))), 'invite_unknown')
    const late = NOW + 60_000
    assert.equal(reasonOf(ask(invite('token'), state({ book }), csr(), late)), 'invite_expired')
  })

  it('decides the name, whatever the request asks for', () => {
    const name = fc.constantFrom(KITCHEN, 'hall.d.wott.local', 'kitchen', '*', '')
    const alternative = fc.tuple(fc.constantFrom('dns', 'ip', 'url'), name)
    fc.assert(
      fc.property(fc.array(name), fc.array(alternative), (commonNames, alternatives) => {
        const alternativeNames = alternatives.map(([type, value]) => `${type}:${value}`)
        const request = csr({ commonNames, alternativeNames })
        const decision = ask(invite('token'), state({ book }), request)
        const isOnlyThat =
          commonNames.every((one) => one === KITCHEN) &&
          alternativeNames.every((one) => one === `dns:${KITCHEN}`)
        assert.equal(reasonOf(decision), isOnlyThat ? 'issue' : 'name_mismatch')
        if (decision.kind === 'issue') assert.equal(decision.id, KITCHEN)
      }),
    )
  })
})

describe('a certificate', () => {
  it('can be renewed until thirty days after it expires', () => {
    const old = issued('1', { notAfter: NOW - GRACE_MS + 1 })
    assert.equal(reasonOf(ask(shown('1'), state({ issued: [old] }))), 'issue')
    assert.equal(
      reasonOf(ask(shown('1'), state({ issued: [old] }), csr(), NOW + 1)),
      'certificate_too_old',
    )
  })

  it('is superseded once a newer one is used, not when that is issued', () => {
    const lost = state({ issued: [issued('1'), issued('2')] })
    assert.equal(reasonOf(ask(shown('1'), lost)), 'issue')
    const arrived = state({ issued: [issued('1'), issued('2', { presentedAt: NOW })] })
    assert.equal(reasonOf(ask(shown('1'), arrived)), 'certificate_superseded')
    assert.equal(reasonOf(ask(shown('2'), arrived)), 'issue')
    const fallback: Credential = {
      kind: 'fallback',
      id: KITCHEN,
      token: fallbackToken(SECRET, '1'),
    }
    assert.equal(reasonOf(ask(fallback, arrived)), 'certificate_superseded')
  })

  it('cannot be renewed once it is revoked, nor with its fallback token or its key', () => {
    const revoked = state({ issued: [issued('1', { revokedAt: NOW })] })
    assert.equal(reasonOf(ask(shown('1'), revoked)), 'certificate_revoked')
    const fallback: Credential = {
      kind: 'fallback',
      id: KITCHEN,
      token: fallbackToken(SECRET, '1'),
    }
    assert.equal(reasonOf(ask(fallback, revoked)), 'certificate_revoked')
    const book: EnrolBook = { invites: [newInvite(KITCHEN, 't', NOW + 1)], keys: [] }
    const again: Credential = { kind: 'invite', name: '', token: 't' }
    const sameKey = csr({ key: 'key of 1' })
    assert.equal(reasonOf(ask(again, { ...revoked, book }, sameKey)), 'key_taken')
    assert.equal(reasonOf(ask(again, { ...revoked, book })), 'issue')
  })

  it('is unknown where the ledger does not hold it, even if a serial number is the same', () => {
    const decision = ask(shown('2'), state({ issued: [issued('1')] }))
    assert.equal(reasonOf(decision), 'certificate_unknown')
    const forged: Credential = {
      kind: 'certificate',
      shown: { fingerprint: 'forged', serial: '1' },
    }
    assert.equal(reasonOf(ask(forged, state({ issued: [issued('1')] }))), 'certificate_unknown')
  })
})

describe('a key without a credential', () => {
  const none: Credential = { kind: 'none' }

  it('is refused, or waits until an operator approves or denies it', () => {
    assert.equal(reasonOf(ask(none, state())), 'credential_required')
    const waiting = ask(none, state({ acceptsUninvited: true }))
    assert.ok(waiting.kind === 'wait')
    const [key] = waiting.book.keys
    assert.ok(key)
    assert.equal(key.wanted, KITCHEN)
    const decided = (as: 'approved' | 'denied') => {
      const decision =
        as === 'approved'
          ? ({ kind: as, id: KITCHEN, at: NOW } as const)
          : ({ kind: as, at: NOW } as const)
      return state({ book: { invites: [], keys: [{ ...key, state: decision }] } })
    }
    assert.equal(reasonOf(ask(none, decided('denied'))), 'denied')
    assert.equal(reasonOf(ask(none, decided('approved'))), 'issue')
    assert.equal(
      reasonOf(ask(none, decided('approved'), csr({ key: 'other' }))),
      'credential_required',
    )
  })

  it('cannot fill the queue from one address', () => {
    let book = EMPTY_BOOK
    for (let n = 0; n < 5; n++) {
      const decision = ask(none, state({ book, acceptsUninvited: true }), csr({ key: `${n}` }))
      assert.ok(decision.kind === 'wait')
      book = decision.book
    }
    const sixth = ask(none, state({ book, acceptsUninvited: true }), csr({ key: '6' }))
    assert.equal(reasonOf(sixth), 'waiting_full')
    const elsewhere = {
      credential: none,
      csr: csr({ key: '6' }),
      address: '192.0.2.2',
      binding: null,
    }
    assert.equal(
      decideEnrolment(elsewhere, state({ book, acceptsUninvited: true }), NOW).kind,
      'wait',
    )
  })

  it('is bounded per IPv6 network, which one machine may own', () => {
    let book = EMPTY_BOOK
    const none: Credential = { kind: 'none' }
    const from = (n: number) => {
      const asked = { credential: none, csr: csr({ key: `${n}` }), binding: null }
      return decideEnrolment(
        { ...asked, address: `2001:db8::${n}` },
        state({ book, acceptsUninvited: true }),
        NOW,
      )
    }
    for (let n = 1; n <= 5; n += 1) {
      const decision = from(n)
      assert.ok(decision.kind === 'wait')
      book = decision.book
    }
    assert.equal(reasonOf(from(6)), 'waiting_full')
  })
})

describe('the certificates issued to one device', () => {
  it('are at most twenty at once, and then one in ten minutes', () => {
    const times: number[] = []
    for (let n = 0; n < BURST; n++) {
      assert.equal(waitForNext(times, NOW), 0)
      times.push(NOW)
    }
    assert.equal(waitForNext(times, NOW), REFILL_MS)
    assert.equal(waitForNext(times, NOW + REFILL_MS), 0)
    assert.equal(waitForNext([...times, NOW + REFILL_MS], NOW + REFILL_MS), REFILL_MS)
  })

  it('never exceed that in any period', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(REFILL_MS), { maxLength: 100 }), (pauses) => {
        const times: number[] = []
        let now = NOW
        for (const pause of pauses) {
          now += pause
          if (waitForNext(times, now) === 0) times.push(now)
        }
        for (const [first, from] of times.entries())
          for (const [last, to] of times.entries())
            assert.ok(last - first + 1 <= BURST + Math.max(0, to - from) / REFILL_MS)
      }),
    )
  })
})

describe("the gateway's own certificate", () => {
  it('cannot be renewed at the enrol door', () => {
    const own = issued('1', { id: 'gateway.d.wott.local' })
    const decision = ask(shown('1'), state({ issued: [own] }), csr())
    assert.equal(reasonOf(decision), 'certificate_unknown')
  })
})
