import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Book } from '../../src/viewer/book.ts'
import { changesBetween } from '../../src/viewer/changes.ts'

const NOW = 1_000

type Names = Record<string, number>

/** A book with invites and sessions, each by its name with its expiry; the names are codes and ids too. */
function book(invites: Names, sessions: Names = {}): Book {
  return {
    invites: Object.entries(invites).map(([name, expires]) => ({
      name,
      expires,
      codeHash: `code of ${name}`,
      lasts: 1,
    })),
    sessions: Object.entries(sessions).map(([name, expires]) => ({
      name,
      expires,
      id: `session of ${name}`,
      tokenHash: '',
      created: 0,
    })),
    views: [],
  }
}

const LATER = NOW + 1

describe('the changes between two lists of viewers', () => {
  it('are new invites', () => {
    assert.deepEqual(changesBetween(book({ bob: LATER }), book({ bob: LATER, eve: LATER }), NOW), [
      { kind: 'invited', viewer: 'eve', expires: LATER },
    ])
  })

  it('are invites that are withdrawn, but not expired ones', () => {
    assert.deepEqual(changesBetween(book({ bob: LATER, eve: NOW }), book({}), NOW), [
      { kind: 'withdrawn', viewer: 'bob' },
    ])
  })

  it('do not include an invite that became a session', () => {
    const after = book({}, { bob: LATER })
    assert.deepEqual(changesBetween(book({ bob: LATER }), after, NOW), [])
  })

  it('are sessions that are revoked, but not expired ones', () => {
    assert.deepEqual(changesBetween(book({}, { bob: LATER, eve: NOW }), book({}), NOW), [
      { kind: 'revoked', viewer: 'bob', session: 'session of bob' },
    ])
  })
})
