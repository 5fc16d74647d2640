import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ClientHttp2Stream } from 'node:http2'
import { describe, it } from 'node:test'
import { connectAsync } from 'mqtt'
import {
  eventSource,
  framesOf,
  http1,
  http2,
  http2Session,
  messagesOf,
} from '../support/clients.ts'
import type { Credentials } from '../support/pki.ts'
import { type ProxiedGateway, passedOn, startProxied } from '../support/proxied.ts'
import { until } from '../support/until.ts'

const EVENTS = { accept: 'text/event-stream' }

/** MQTT over WebSocket as the proxy forwards it for a device. */
function mqttFor(at: ProxiedGateway, device: Credentials) {
  return connectAsync(`wss://localhost:${at.port}/mqtt`, {
    reconnectPeriod: 0,
    protocolVersion: 5,
    wsOptions: {
      ca: at.pki.authority.certificate,
      cert: at.proxy.certificate,
      key: at.proxy.key,
      headers: passedOn(device),
    },
  })
}

/** The refusal of a WebSocket. */
async function upgradeStatus(at: ProxiedGateway, device: Credentials) {
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-protocol': 'mqtt',
    ...passedOn(device),
  }
  return (await http1(at.door, at.proxy, { path: '/mqtt', headers })).status
}

/** A stream over HTTP/2 that has begun. */
async function streamOn(session: ReturnType<typeof http2Session>, device: Credentials) {
  const stream = session.request({ ':path': '/topics/a', ...EVENTS, ...passedOn(device) })
  const [{ ':status': status }] = await once(stream, 'response')
  assert.equal(status, 200)
  return { stream, frames: framesOf(stream as AsyncIterable<Buffer>) }
}

async function textOf(stream: ClientHttp2Stream): Promise<string> {
  return String(Buffer.concat(await Array.fromAsync(stream as AsyncIterable<Buffer>)))
}

describe('when a certificate is revoked', () => {
  it('its streams end at once, and those of others on the same connection continue', async () => {
    await using at = await startProxied()
    const [one, two] = [await at.pki.issue('one'), await at.pki.issue('two')]
    const session = http2Session(at.door, at.proxy)
    const gone = await streamOn(session, one)
    const stays = await streamOn(session, two)
    using over1 = await eventSource(at.door, at.proxy, '/topics/a', passedOn(one))
    await at.pki.revoke(one.serial)
    const { value } = await gone.frames.next()
    assert.equal(value?.event, 'end')
    assert.equal(JSON.parse(value?.data ?? '').code, 'certificate_revoked')
    assert.ok((await gone.frames.next()).done)
    await over1.ended()
    assert.ok(!session.destroyed)
    const again = await http2(session, { ':path': '/whoami', ...passedOn(one) })
    assert.deepEqual([again.status, again.json.code], [401, 'certificate_revoked'])
    const post = { ':path': '/topics/a', ':method': 'POST', ...passedOn(two) }
    assert.equal((await http2(session, post, '1')).status, 200)
    assert.match((await stays.frames.next()).value?.data ?? '', /"payload":"1"/)
    session.destroy()
  })

  it('its WebSocket ends with a reason, and that of another device stays open', async () => {
    await using at = await startProxied()
    const [one, two] = [await at.pki.issue('one'), await at.pki.issue('two')]
    const gone = await mqttFor(at, one)
    const stays = await mqttFor(at, two)
    const messages = messagesOf(stays)
    await stays.subscribeAsync('a')
    const told = new Promise<number | undefined>((resolve) =>
      gone.once('disconnect', ({ reasonCode }) => resolve(reasonCode)),
    )
    const closed = new Promise((resolve) => gone.once('close', () => resolve(null)))
    await at.pki.revoke(one.serial)
    assert.ok(Number(await told) >= 0x80)
    await closed
    await stays.publishAsync('a', '1')
    assert.equal((await messages.next()).payload, '1')
    await stays.endAsync()
    assert.equal(await upgradeStatus(at, one), 401)
  })

  it('a message whose body has not arrived is not published', async () => {
    await using at = await startProxied()
    const [one, two] = [await at.pki.issue('one'), await at.pki.issue('two')]
    const session = http2Session(at.door, at.proxy)
    // so that the test knows when the revocation is in force
    const { stream } = await streamOn(session, one)
    const path = '/topics/a?retain=true'
    const post = session.request({ ':path': path, ':method': 'POST', ...passedOn(one) })
    post.write('1')
    const whole = textOf(stream)
    await at.pki.revoke(one.serial)
    await whole
    post.end('2')
    const [{ ':status': status }] = await once(post, 'response')
    assert.equal(status, 401)
    assert.equal(JSON.parse(await textOf(post)).code, 'certificate_revoked')
    const read = await http2(session, { ':path': '/topics/a', ...passedOn(two) })
    assert.equal(read.status, 404)
    session.destroy()
  })
})

it('a certificate that is removed from the list is valid again', async () => {
  await using at = await startProxied()
  const one = await at.pki.issue('one')
  const session = http2Session(at.door, at.proxy)
  const { frames } = await streamOn(session, one)
  const get = { ':path': '/whoami', ...passedOn(one) }
  await at.pki.revoke(one.serial)
  while (!(await frames.next()).done) {}
  await at.pki.revoke()
  await at.gateway.reload()
  assert.equal((await http2(session, get)).status, 200)
  const again = await streamOn(session, one)
  await http2(session, { ...get, ':path': '/topics/a', ':method': 'POST' }, '1')
  assert.match((await again.frames.next()).value?.data ?? '', /"payload":"1"/)
  session.destroy()
})

it('streams end when their certificate expires', async () => {
  await using at = await startProxied()
  const short = { days: 1, notBefore: Date.now() - 86_400_000 + 3000 }
  const device = await at.pki.issue('short', short)
  const session = http2Session(at.door, at.proxy)
  const { frames } = await streamOn(session, device)
  const { value } = await frames.next()
  assert.equal(JSON.parse(value?.data ?? '').code, 'certificate_expired')
  const again = await http2(session, { ':path': '/whoami', ...passedOn(device) })
  assert.equal(again.json.code, 'certificate_expired')
  session.destroy()
})

describe('a device that overuses the connection that others share', () => {
  it('may have as many open requests and WebSockets as connections, and does not affect others', async () => {
    await using at = await startProxied({ settings: { maxConnectionsPerDevice: '2' } })
    const [one, two] = [await at.pki.issue('one'), await at.pki.issue('two')]
    const session = http2Session(at.door, at.proxy)
    const first = await streamOn(session, one)
    const webSocket = await mqttFor(at, one)
    const third = await http2(session, { ':path': '/whoami', ...passedOn(one) })
    assert.deepEqual([third.status, third.json.code], [429, 'quota_exceeded'])
    assert.equal(await upgradeStatus(at, one), 429)
    assert.equal((await http2(session, { ':path': '/whoami', ...passedOn(two) })).status, 200)
    const cut = 'wott_connections_cut_total{door="proxy",reason="max_connections_per_device"}'
    assert.equal(await at.metric(cut), 2)
    first.stream.destroy()
    await webSocket.endAsync()
    await until(
      () => http2(session, { ':path': '/whoami', ...passedOn(one) }),
      ({ status }) => status === 200,
    )
    session.destroy()
  })

  it('gets 408 for a body that does not arrive, and the connection stays open', async () => {
    await using at = await startProxied({ settings: { requestTimeout: '1' } })
    const [one, two] = [await at.pki.issue('one'), await at.pki.issue('two')]
    const session = http2Session(at.door, at.proxy)
    const { stream, frames } = await streamOn(session, two)
    const slow = session.request({ ':path': '/topics/a', ':method': 'POST', ...passedOn(one) })
    slow.write('1')
    const [{ ':status': status }] = await once(slow, 'response')
    assert.equal(status, 408)
    const closed = new Promise((resolve) => slow.once('close', resolve))
    slow.on('error', () => {}).resume()
    await closed
    const post = { ':path': '/topics/a', ':method': 'POST', ...passedOn(two) }
    assert.equal((await http2(session, post, '1')).status, 200)
    assert.match((await frames.next()).value?.data ?? '', /"payload":"1"/)
    assert.ok(!stream.destroyed && !session.closed)
    session.destroy()
  })

  it('loses only a large answer that it does not read', async () => {
    const settings = { streamStall: '1', requestRate: '0' }
    await using at = await startProxied({ settings })
    const [one, two] = [await at.pki.issue('one'), await at.pki.issue('two')]
    const session = http2Session(at.door, at.proxy)
    const { stream, frames } = await streamOn(session, two)
    const post = { ':path': '/topics/large?retain=true', ':method': 'POST', ...passedOn(two) }
    assert.equal((await http2(session, post, 'x'.repeat(120_000))).status, 200)
    // more than the client buffers without reading
    const unread = session.request({ ':path': '/topics/large', ...passedOn(one) })
    unread.on('error', () => {})
    await once(unread, 'response')
    const cut = 'wott_connections_cut_total{door="proxy",reason="slow_reader"}'
    await at.until(cut, 1)
    await http2(session, { ...post, ':path': '/topics/a' }, '1')
    assert.match((await frames.next()).value?.data ?? '', /"payload":"1"/)
    assert.ok(!stream.destroyed && !session.closed)
    session.destroy()
  })

  it('uses up its memory limit, and does not affect others', async () => {
    await using at = await startProxied({ settings: { memoryBytesPerDevice: '64KiB' } })
    const [one, two] = [await at.pki.issue('one'), await at.pki.issue('two')]
    const session = http2Session(at.door, at.proxy)
    const { stream, frames } = await streamOn(session, two)
    const statuses = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const asked = session.request({ ':path': '/topics/b', ...EVENTS, ...passedOn(one) })
        asked.on('error', () => {}).resume()
        const gone = new Promise<[object]>((resolve) => asked.once('close', () => resolve([{}])))
        const [head] = await Promise.race([once(asked, 'response'), gone])
        return (head as Record<string, number>)[':status'] ?? 'reset'
      }),
    )
    assert.ok(statuses.includes(200) && statuses.includes(429), statuses.join())
    const post = { ':path': '/topics/a', ':method': 'POST', ...passedOn(two) }
    assert.equal((await http2(session, post, '1')).status, 200)
    assert.match((await frames.next()).value?.data ?? '', /"payload":"1"/)
    assert.ok(!stream.destroyed && !session.closed)
    session.destroy()
  })

  it('cancels more requests than a single device may, and the connection stays open', async () => {
    await using at = await startProxied()
    const [one, two] = [await at.pki.issue('one'), await at.pki.issue('two')]
    const session = http2Session(at.door, at.proxy)
    const { stream } = await streamOn(session, two)
    const cancelled = Array.from({ length: 200 }, () => {
      const request = session.request({ ':path': '/topics/a', ...EVENTS, ...passedOn(one) })
      request.on('error', () => {})
      request.close(8)
      return new Promise((resolve) => request.once('close', resolve))
    })
    await Promise.all(cancelled)
    assert.equal((await http2(session, { ':path': '/whoami', ...passedOn(two) })).status, 200)
    assert.ok(!stream.destroyed)
    session.destroy()
  })
})

it('finished requests and streams are no longer counted', async () => {
  await using at = await startProxied({ settings: { maxConnectionsPerDevice: '1' } })
  const one = await at.pki.issue('one')
  for (let index = 0; index < 20; index += 1) {
    const headers = passedOn(one)
    const { status } = await http1(at.door, at.proxy, { path: '/whoami', headers })
    assert.equal(status, 200)
  }
})
