import assert from 'node:assert/strict'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { run } from '../cli/program.ts'
import { type Answer, eventSource, http1, http2, http2Session } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'

describe('a viewer', () => {
  let at: TestGateway
  let sensor: Credentials
  before(async () => {
    at = await startGateway({
      settings: { inviteGuesses: '1000' },
      acl: 'user sensor\ntopic write a/#\nuser alice\ntopic read a/#\nuser bob\ntopic read b/#\n',
    })
    sensor = await at.pki.issue('sensor')
  })
  after(() => at[Symbol.asyncDispose]())

  const viewer = async (...args: string[]) => {
    const done = await run(['viewer', ...args, '--file', at.viewersFile])
    assert.match(
      done.stderr,
      /^(?:wott-gateway: created \S+: .*\n)?(?:$|wott-gateway: the link works once, )/,
    )
    assert.equal(done.code, 0)
    return done.stdout
  }
  const invite = async (name: string, ttl = '1h') => {
    const link = await viewer('invite', name, '--ttl', ttl)
    const [, code = ''] = /^https:\/\/localhost:9443\/#invite=([\w-]{20,})\n$/.exec(link) ?? []
    assert.notEqual(code, '')
    return code
  }
  const ask = (path: string, cookie?: string, options = {}) =>
    http1(at, null, { door: 'viewer', path, headers: cookie ? { cookie } : {}, ...options })
  const trade = (code: string, headers = {}) =>
    http1(at, null, {
      door: 'viewer',
      path: '/session',
      method: 'POST',
      body: JSON.stringify({ code }),
      headers: { 'content-type': 'application/json', ...headers },
    })
  const cookieIn = ({ headers }: Answer) => String(headers['set-cookie']).split(';')[0] ?? ''
  const logIn = async (name: string, ttl?: string) => cookieIn(await trade(await invite(name, ttl)))
  const refusedWith = (answer: Answer, status: number, code: string) => {
    assert.equal(answer.status, status)
    assert.equal(answer.json.code, code)
  }
  const follow = (cookie: string) =>
    eventSource(at, null, '/stream?filter=%23', { cookie }, 'viewer')
  const publish = (body: string) =>
    http1(at, sensor, { path: '/topics/a/b?retain=true', method: 'POST', body })

  it('exchanges the code of an invite for a cookie that no script and no other site can read', async () => {
    const answer = await trade(await invite('alice', '30m'))
    assert.equal(answer.status, 200)
    assert.match(
      String(answer.headers['set-cookie']),
      /^__Host-wott-session=[\w.-]+; Path=\/; Expires=[^;]+; HttpOnly; Secure; SameSite=Strict$/,
    )
    const { id, kind, expires } = answer.json
    assert.deepEqual([id, kind], ['alice', 'invite'])
    const minutes = (Date.parse(expires) - Date.now()) / 60_000
    assert.ok(minutes > 29 && minutes <= 30)
    const session = await ask('/session', cookieIn(answer))
    assert.deepEqual(session.json, answer.json)
  })

  it('reads what the rules of its name allow, and nothing else', async () => {
    await publish('21.5')
    const cookie = await logIn('alice')
    assert.equal((await ask('/topics/a/b', cookie)).text, '21.5')
    assert.equal((await ask('/retainedMessage/a/b', cookie)).json.payload, btoa('21.5'))
    refusedWith(await ask('/topics/b/c', cookie), 403, 'read_denied')
    const { id, rules } = (await ask('/whoami', cookie)).json
    assert.deepEqual([id, rules], ['alice', [{ access: 'read', topic: 'a/#' }]])
    using events = await follow(cookie)
    assert.equal(JSON.parse((await events.next()).data).payload, '21.5')
    refusedWith(await ask('/topics/a/b', await logIn('bob')), 403, 'read_denied')
  })

  it('reads the same over HTTP/2, with any certificate in the browser', async () => {
    await publish('22')
    const session = http2Session(at, sensor, 'viewer')
    const code = JSON.stringify({ code: await invite('alice') })
    const entered = await http2(
      session,
      { ':method': 'POST', ':path': '/session', 'content-type': 'application/json' },
      code,
    )
    const cookie = cookieIn(entered)
    assert.equal((await http2(session, { ':path': '/topics/a/b', cookie })).text, '22')
    assert.equal((await http2(session, { ':path': '/topics/a/b' })).status, 401)
    session.close()
  })

  it('loses rights with a new ACL file in the middle of a stream', async () => {
    const before = await readFile(at.aclFile, 'utf8')
    const cookie = await logIn('alice')
    using events = await follow(cookie)
    await writeFile(at.aclFile, before.replace('user alice\ntopic read a/#', 'user alice'))
    await at.gateway.reload()
    for (let code: string | undefined; code === undefined; ) {
      const { event, data } = await events.next()
      code = event === 'end' ? JSON.parse(data).code : undefined
      if (code) assert.equal(code, 'read_denied')
    }
    await writeFile(at.aclFile, before)
    await at.gateway.reload()
  })

  it('cannot publish', async () => {
    const cookie = await logIn('alice')
    refusedWith(
      await ask('/topics/a/b', cookie, { method: 'POST', body: '1' }),
      405,
      'method_not_allowed',
    )
  })

  it('is refused without a session', async () => {
    for (const path of [
      '/session',
      '/whoami',
      '/topics/a/b',
      '/stream?filter=%23',
      '/retainedMessage/a/b',
    ])
      refusedWith(await ask(path), 401, 'session_required')
  })

  it('cannot use a code twice, an unknown code, or a withdrawn one', async () => {
    const code = await invite('alice')
    assert.equal((await trade(code)).status, 200)
    refusedWith(await trade(code), 401, 'invite_invalid')
    refusedWith(await trade('A'.repeat(24)), 401, 'invite_invalid')
    const other = await invite('carol')
    await viewer('revoke', 'carol')
    refusedWith(await trade(other), 401, 'invite_invalid')
  })

  it('gets only one session for a code, even with a hundred requests at once', async () => {
    const code = await invite('alice')
    const answers = await Promise.all(Array.from({ length: 100 }, () => trade(code)))
    assert.equal(answers.filter(({ status }) => status === 200).length, 1)
  })

  it('cannot forge a cookie', async () => {
    const cookie = await logIn('bob')
    const [name, token = ''] = cookie.split('=')
    const [head = '', body = '', signature = ''] = token.split('.')
    const other = Buffer.from(JSON.stringify({ jti: 'x', exp: 9e9 })).toString('base64url')
    const none = Buffer.from('{"alg":"none"}').toString('base64url')
    for (const forged of [
      `${head}.${other}.${signature}`,
      `${none}.${body}.`,
      `${head}.${body}.`,
      'x',
      '',
    ])
      assert.equal((await ask('/session', `${name}=${forged}`)).status, 401)
  })

  it('cannot be used by requests that another site makes', async () => {
    const code = await invite('alice')
    const evil = { origin: 'https://evil.example' }
    refusedWith(await trade(code, evil), 403, 'origin_denied')
    const cookie = await logIn('alice')
    const answer = await ask('/session', cookie, { method: 'DELETE', headers: { cookie, ...evil } })
    refusedWith(answer, 403, 'origin_denied')
    const embedded = { cookie, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }
    refusedWith(await ask('/topics/a/b', '', { headers: embedded }), 403, 'origin_denied')
    assert.equal((await ask('/session', cookie)).status, 200)
  })

  it('is refused an invalid body', async () => {
    for (const body of ['', 'x', '{}', '{"code":1}', '[]', 'null'])
      refusedWith(
        await http1(at, null, { door: 'viewer', path: '/session', method: 'POST', body }),
        400,
        'body_invalid',
      )
    refusedWith(await trade('x'.repeat(5000)), 413, 'payload_too_large')
  })

  for (const [how, code, end] of [
    [
      'logs out',
      'session_ended',
      (cookie: string) => ask('/session', cookie, { method: 'DELETE' }),
    ],
    ['is revoked', 'session_ended', () => viewer('revoke', 'alice')],
  ] as const)
    it(`sees its streams end when it ${how}`, async () => {
      const cookie = await logIn('alice')
      using events = await follow(cookie)
      await publish('1')
      await events.next()
      await end(cookie)
      for (;;) {
        const { event, data } = await events.next()
        if (event === undefined) continue
        assert.deepEqual([event, JSON.parse(data).code], ['end', code])
        break
      }
      await events.ended()
      refusedWith(await ask('/session', cookie), 401, 'session_ended')
    })

  it('sees its streams end when its session expires', async () => {
    const cookie = await logIn('alice')
    using events = await follow(cookie)
    const book = JSON.parse(await readFile(at.viewersFile, 'utf8'))
    for (const session of book.sessions) session.expires = Date.now() + 50
    await writeFile(at.viewersFile, JSON.stringify(book))
    for (let event: string | undefined; event === undefined; ) {
      const next = await events.next()
      event = next.event
      if (event) assert.equal(JSON.parse(next.data).code, 'session_expired')
    }
    assert.equal((await ask('/session', cookie)).status, 401)
  })

  it('keeps its session over a restart, in a file that only its owner can read', async () => {
    const cookie = await logIn('alice')
    assert.equal((await stat(at.viewersFile)).mode & 0o777, 0o600)
    await using second = await startGateway({ settings: { viewersFile: at.viewersFile } })
    const answer = await http1(second, null, {
      door: 'viewer',
      path: '/session',
      headers: { cookie },
    })
    assert.equal(answer.json.id, 'alice')
  })

  it('cannot log in while the list of viewers is damaged, and can again afterwards', async () => {
    const cookie = await logIn('alice')
    const book = await readFile(at.viewersFile)
    await writeFile(at.viewersFile, 'x')
    await at.logged(({ msg }) => msg === 'viewers cannot log in')
    assert.equal((await ask('/session', cookie)).status, 401)
    await writeFile(at.viewersFile, book)
    await at.logged(({ msg }) => msg === 'viewers can log in again')
    assert.equal((await ask('/session', cookie)).status, 200)
  })

  it('keeps its view of the dashboard for all its sessions, until it is revoked', async () => {
    const cookie = await logIn('alice')
    const viewOf = async (of: string) => (await ask('/session', of)).json.view
    const keep = (body: string, of = cookie) => ask('/view', of, { method: 'PUT', body })
    assert.equal(await viewOf(cookie), '')
    const view = "filter=a%2F%23&wall&topic=a%2Fb~!'()*"
    assert.equal((await keep(JSON.stringify({ view }))).status, 204)
    const phone = await trade(await invite('alice'))
    assert.equal(phone.json.view, view)
    assert.equal(await viewOf(await logIn('bob')), '')
    for (const wrong of ['a b', '<b>', 'a\n', '"', '#invite=x', 'x'.repeat(2049), 1, null])
      refusedWith(await keep(JSON.stringify({ view: wrong })), 400, 'body_invalid')
    for (const body of ['', '{}', '[]', 'null']) refusedWith(await keep(body), 400, 'body_invalid')
    refusedWith(await keep('x'.repeat(5000)), 413, 'payload_too_large')
    refusedWith(await keep('{"view":""}', ''), 401, 'session_required')
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => keep(`{"view":"filter=${n}"}`)),
    )
    const statuses = new Set(answers.map(({ status }) => status))
    assert.deepEqual([...statuses].sort(), [204, 429])
    assert.match(await viewOf(cookie), /^filter=\d+$/)
    assert.equal((await keep('{"view":""}')).status, 204)
    assert.equal(await viewOf(cookie), '')
    await keep('{"view":"wall"}')
    await viewer('revoke', 'alice')
    assert.equal(await viewOf(await logIn('alice')), '')
  })

  it('is listed', async () => {
    await viewer('revoke', 'alice')
    await logIn('alice')
    await invite('carol')
    const entries = (await viewer('list', '--json'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const states = entries.map(({ name, state }) => `${name} ${state}`)
    assert.ok(states.includes('alice logged in') && states.includes('carol invited'))
    const { id } = entries.find(({ name }) => name === 'alice')
    assert.equal(await viewer('revoke', id), `revoked ${id}: 0 invites, 1 sessions\n`)
    assert.ok(!(await viewer('list')).includes(id))
  })

  it('is not accepted on the device door', async () => {
    const cookie = await logIn('alice')
    refusedWith(
      await http1(at, null, { path: '/session', headers: { cookie } }),
      401,
      'certificate_required',
    )
    const { json } = await http1(at, sensor, { path: '/session', headers: { cookie } })
    assert.deepEqual([json.id, json.kind], ['sensor', 'certificate'])
  })

  it('gets a page whose CSP forbids inline scripts and other sites', async () => {
    const { headers } = await ask('/')
    assert.equal(
      headers['content-security-policy'],
      "default-src 'none';script-src 'self';style-src 'self';img-src 'self' data:;connect-src 'self';base-uri 'none';form-action 'none';frame-ancestors 'none'",
    )
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['referrer-policy'], 'no-referrer')
    assert.equal(headers['strict-transport-security'], undefined)
  })
})

describe('viewer', () => {
  it('reports wrong arguments', async () => {
    for (const [args, message] of [
      [['invite', 'a b'], /"a b" cannot be the name of a viewer/],
      [
        ['invite', 'alice', '--ttl', '12'],
        /--ttl must be a time such as 30m, 12h or 7d, at most 90d, not "12"/,
      ],
      [['invite', 'alice', '--ttl', '91d'], /--ttl must be a time/],
      [['invite', 'alice', '--url', 'http://x'], /--url must be an address such as/],
      [['list', '--file', '/dev/null'], /\/dev\/null cannot be used: it is not a viewers file/],
    ] as const) {
      const { code, stderr } = await run(['viewer', ...args])
      assert.equal(code, 2)
      assert.match(stderr, message)
    }
  })
})
