import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Book,
  keepView,
  parseBook,
  redeem,
  revokeViewer,
  tidy,
} from '../../src/viewer/book.ts'

const NEW = { id: 'id', tokenHash: 'hash' }
const session = (id: string, name: string, expires = 1000) => ({
  id,
  tokenHash: `hash of ${id}`,
  name,
  created: 0,
  expires,
})
const book = (more: Partial<Book>): Book => ({ invites: [], sessions: [], views: [], ...more })

test('one viewer keeps the newest twenty sessions, and does not remove those of others', () => {
  const many = Array.from({ length: 50 }, (_, n) => session(`a${n}`, 'alice'))
  const kept = tidy(book({ sessions: [session('b', 'bob'), ...many] }), 0).sessions
  assert.deepEqual(
    kept.map(({ id }) => id),
    ['b', ...many.slice(-20).map(({ id }) => id)],
  )
})

test('there are at most a thousand sessions, and expired ones are removed', () => {
  const all = Array.from({ length: 1500 }, (_, n) => session(`${n}`, `viewer${n}`))
  assert.equal(tidy(book({ sessions: all }), 0).sessions.length, 1000)
  assert.equal(tidy(book({ sessions: [session('a', 'alice', 5)] }), 5).sessions.length, 0)
})

test('an invite can be used once, until it expires', () => {
  const invited = book({ invites: [{ name: 'alice', codeHash: 'h', expires: 10, lasts: 100 }] })
  assert.equal(redeem(invited, 'h', NEW, 10), null)
  const traded = redeem(invited, 'h', NEW, 9)
  assert.deepEqual(traded?.session, { ...NEW, name: 'alice', created: 9, expires: 109 })
  assert.equal(redeem(traded?.book ?? book({}), 'h', NEW, 9), null)
})

test('revoking a viewer or one session does not affect others', () => {
  const open = book({
    sessions: [session('1', 'alice'), session('2', 'alice'), session('3', 'bob')],
  })
  const ids = (who: string) => revokeViewer(open, who).sessions.map(({ id }) => id)
  assert.deepEqual(ids('alice'), ['3'])
  assert.deepEqual(ids('1'), ['2', '3'])
})

test('a text that is not a list of viewers is refused', () => {
  for (const text of ['', '[]', 'null', '{}', '{"invites":[]}'])
    assert.throws(() => parseBook(text), /not a viewers file, or it is damaged/)
  const wrong = { ...book({}), sessions: [{ id: 1 }] }
  assert.throws(() => parseBook(JSON.stringify(wrong)), /not a viewers file, or it is damaged/)
})

test('sessions of an older gateway with signed cookies have ended, and invites stay', () => {
  const { tokenHash: _, ...signed } = session('1', 'alice')
  const invites = [{ name: 'bob', codeHash: 'h', expires: 10, lasts: 100 }]
  const text = JSON.stringify({ key: 'old', invites, sessions: [signed, session('2', 'alice')] })
  assert.deepEqual(parseBook(text), { invites, sessions: [session('2', 'alice')], views: [] })
})

test('a viewer has one view, which an empty one, revoking the viewer or a thousand others remove', () => {
  const names = (of: Book) => of.views.map(({ name, query }) => `${name} ${query}`)
  const chosen = keepView(keepView(keepView(book({}), 'alice', 'a'), 'bob', 'b'), 'alice', 'c')
  assert.deepEqual(names(chosen), ['bob b', 'alice c'])
  assert.deepEqual(names(keepView(chosen, 'bob', '')), ['alice c'])
  assert.deepEqual(names(revokeViewer(chosen, 'alice')), ['bob b'])
  const many = Array.from({ length: 1000 }, (_, n) => ({ name: `${n}`, query: 'x' }))
  const full = tidy(book({ views: [...chosen.views, ...many] }), 0)
  assert.deepEqual([full.views.length, full.views[0]?.name], [1000, '0'])
})
