import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { type Events, eventSource, http1, http2, http2Session, mqtt } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'
import { rawTls } from '../support/raw.ts'

const STREAMS = 'wott_streams{door="device"}'
const CUT_OFF = 'wott_deliveries_dropped_total{door="device",reason="slow_reader"}'
const ACL =
  'user writer\ntopic write #\ntopic write $x/#\nuser reader\ntopic read #\ntopic read $x/#\ntopic deny secret/#\n'

function post(at: TestGateway, who: Credentials, path: string, body: string | Buffer = '1') {
  return http1(at, who, { path, method: 'POST', body })
}

async function payloads(events: Events, count: number): Promise<string[]> {
  const found: string[] = []
  while (found.length < count) found.push(JSON.parse((await events.next()).data).payload)
  return found
}

async function openStreams(at: TestGateway, count: number): Promise<void> {
  await at.until(STREAMS, count)
}

describe('an event stream', () => {
  let at: TestGateway
  let writer: Credentials
  let reader: Credentials

  before(async () => {
    at = await startGateway({ acl: ACL })
    writer = await at.pki.issue('writer')
    reader = await at.pki.issue('reader')
  })
  after(() => at[Symbol.asyncDispose]())

  const open = (path: string, headers = {}) => eventSource(at, reader, path, headers)
  async function refusal(path: string) {
    const answer = await http1(at, reader, { path, headers: { accept: 'text/event-stream' } })
    return [answer.status, answer.json.code]
  }

  it('starts with a reconnection time, and has headers against buffering in proxies', async () => {
    const socket = await rawTls(at, reader)
    socket.write('GET /topics/a HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n')
    let text = ''
    while (!text.endsWith('\r\n\r\nretry: 2000\n\n')) text += (await once(socket, 'data'))[0]
    socket.destroy()
    const [head = '', body] = text.split('\r\n\r\n')
    assert.match(head, /^HTTP\/1\.1 200 OK\r\n/)
    assert.match(head, /^content-type: text\/event-stream$/m)
    assert.match(head, /^cache-control: no-store$/m)
    assert.match(head, /^x-accel-buffering: no$/m)
    assert.match(head, /^x-content-type-options: nosniff$/m)
    assert.match(head, /^x-request-id: [\da-f-]{36}$/m)
    // the body ends with the connection: RFC 9112 §6.3
    assert.match(head, /^connection: close$/m)
    assert.doesNotMatch(head, /^transfer-encoding/im)
    assert.equal(body, 'retry: 2000\n\n')
  })

  it('waits behind the answer to an earlier request on its connection', async () => {
    await openStreams(at, 0)
    const socket = await rawTls(at, reader)
    const rest = 'HTTP/1.1\r\nHost: localhost\r\n'
    socket.write(
      `GET /commands?wait=60 ${rest}\r\nGET /topics/behind ${rest}Accept: text/event-stream\r\n\r\n`,
    )
    let text = ''
    socket.on('data', (bytes) => {
      text += bytes
    })
    await openStreams(at, 1)
    await post(at, writer, '/topics/behind', 'first')
    await post(at, writer, '/topics/cmd/reader/now?qos=1')
    while (!text.includes('"payload":"first"')) await once(socket, 'data')
    await post(at, writer, '/topics/behind', 'second')
    while (!text.includes('"payload":"second"')) await once(socket, 'data')
    socket.destroy()
    assert.match(text, /cmd\/reader\/now.*text\/event-stream.*"first".*"second"/s)
  })

  it('has events with an id, no name, and one line of JSON', async () => {
    using events = await open('/topics/a/b')
    await post(at, writer, '/topics/a/b?qos=1', '21.5')
    const { id, event, data } = await events.next()
    assert.match(String(id), /^[\w-]+$/)
    assert.equal(event, undefined)
    const { time, ...rest } = JSON.parse(data)
    assert.equal(new Date(time).toISOString(), time)
    assert.deepEqual(rest, {
      topic: 'a/b',
      payload: '21.5',
      device: 'writer',
      qos: 1,
      retain: false,
    })
  })

  it('has payloads that are not UTF-8 in base64', async () => {
    using events = await open('/topics/a')
    await post(at, writer, '/topics/a', Buffer.from([0, 255]))
    const { payload, payloadBase64 } = JSON.parse((await events.next()).data)
    assert.deepEqual([payload, payloadBase64], [undefined, 'AP8='])
  })

  it('has retained messages first, then live ones', async () => {
    await post(at, writer, '/topics/first/1?retain=true', 'kept 1')
    await post(at, writer, '/topics/first/2?retain=true', 'kept 2')
    using events = await open('/topics/first/%23')
    assert.deepEqual((await payloads(events, 2)).sort(), ['kept 1', 'kept 2'])
    await post(at, writer, '/topics/first/3', 'live')
    const live = JSON.parse((await events.next()).data)
    assert.deepEqual([live.payload, live.retain], ['live', false])
  })

  it('begins without a gap or a repeat, even while its topic is published to', async () => {
    const session = http2Session(at, writer)
    const last = 150
    const streams: Promise<number[]>[] = []
    async function follow(): Promise<number[]> {
      using events = await open('/topics/busy')
      const seen: number[] = []
      while (seen.at(-1) !== last) seen.push(Number((await payloads(events, 1))[0]))
      return seen
    }
    for (let number = 1; number <= last; number++) {
      if (number % 15 === 0) streams.push(follow())
      const path = `/topics/busy?retain=true&qos=${number % 2}`
      await http2(session, { ':method': 'POST', ':path': path }, String(number))
    }
    for (const seen of await Promise.all(streams)) {
      const [from = 0] = seen
      assert.deepEqual(
        seen,
        Array.from({ length: last - from + 1 }, (_, index) => from + index),
      )
    }
    session.close()
  })

  it('follows several filters, and has each message once', async () => {
    await post(at, writer, '/topics/several/a/b?retain=true', 'kept')
    const filters = ['several/a/+', 'several/%23', '+/a/b', 'other/x'].map((f) => `filter=${f}`)
    using events = await open(`/stream?${filters.join('&')}`)
    assert.deepEqual(await payloads(events, 1), ['kept'])
    await post(at, writer, '/topics/several/a/b', '1')
    await post(at, writer, '/topics/unasked', '2')
    await post(at, writer, '/topics/other/x', '3')
    assert.deepEqual(await payloads(events, 2), ['1', '3'])
  })

  it('accepts raw and escaped wildcards', async () => {
    for (const path of [
      ...['/topics/wild/+/x', '/topics/wild/%2B/x', '/topics/wild%2F%2b%2Fx', '/topics/wild/%23'],
      ...['/stream?filter=wild/+/x', '/stream?filter=wild/%2B/x', '/stream?filter=wild%2F%23'],
    ]) {
      using events = await open(path)
      await post(at, writer, '/topics/wild/a/x', path)
      assert.deepEqual(await payloads(events, 1), [path])
    }
  })

  it('is answered for the Accept header of EventSource, alone or among other types', async () => {
    for (const accept of [
      'text/event-stream',
      'text/event-stream, */*;q=0.1',
      'Text/Event-Stream',
    ]) {
      using events = await open('/topics/never', { accept })
      assert.equal(events.headers['content-type'], 'text/event-stream')
    }
    for (const accept of ['*/*', 'application/json', 'text/event-streams'])
      await assert.rejects(open('/topics/never', { accept }), /not_retained/)
    using events = await open('/stream?filter=a', { accept: '*/*' })
    assert.equal(events.headers['content-type'], 'text/event-stream')
  })

  it('has only payloads in raw format, which cannot add events', async () => {
    using events = await open('/topics/raw?format=raw')
    await post(at, writer, '/topics/raw', 'a\nb\r\nc\rd\n')
    assert.equal((await events.next()).data, 'a\nb\nc\nd\n')
    await post(at, writer, '/topics/raw', '1\n\nevent: gap\rid: 7\r\n\r\ndata: 2\nretry: 1')
    const { event, id, data } = await events.next()
    assert.equal(event, undefined)
    assert.notEqual(id, '7')
    assert.equal(data, '1\n\nevent: gap\nid: 7\n\ndata: 2\nretry: 1')
  })

  it('has heartbeat events without an id on request', async () => {
    for (const path of ['/topics/quiet?heartbeat=1', '/stream?filter=quiet&heartbeat=1']) {
      using events = await open(path)
      const { id, event, data } = await events.next()
      assert.deepEqual([id ?? '', event], ['', 'heartbeat'])
      const { time } = JSON.parse(data)
      assert.ok(Math.abs(Date.now() - Date.parse(time)) < 10_000)
    }
  })

  it('is refused for an invalid request', async () => {
    const many = (count: number) => Array(count).fill('filter=a').join('&')
    const wrong: [string, string][] = [
      ['/stream', 'query_invalid'],
      ['/stream?filter=a&format=xml', 'query_invalid'],
      ['/stream?filter=a&format=raw&format=raw', 'query_invalid'],
      ['/stream?filter=a&filters=b', 'query_invalid'],
      ['/stream?filter=%zz', 'query_invalid'],
      ...['', '0', '301', '1.5', 'on'].map((seconds): [string, string] => [
        `/stream?filter=a&heartbeat=${seconds}`,
        'query_invalid',
      ]),
      [`/stream?${many(65)}`, 'query_invalid'],
      ['/topics/a?filter=b', 'query_invalid'],
      ['/topics/a?format=', 'query_invalid'],
      ['/stream?filter=', 'topic_invalid'],
      ['/stream?filter=a%23', 'topic_invalid'],
      ['/stream?filter=a/%23/b', 'topic_invalid'],
      ['/stream?filter=a%2B', 'topic_invalid'],
      ['/stream?filter=a&filter=%00', 'topic_invalid'],
      ['/topics/', 'topic_invalid'],
      ['/topics/a%2B/b', 'topic_invalid'],
      ['/topics/%FF', 'topic_invalid'],
    ]
    for (const [path, code] of wrong) assert.deepEqual(await refusal(path), [400, code], path)
    using events = await open(`/stream?${many(64)}`)
    assert.equal(events.status, 200)
  })

  it('is refused if no rule can allow anything', async () => {
    for (const path of ['/topics/secret/%23', '/topics/secret/x', '/stream?filter=secret/a/b'])
      assert.deepEqual(await refusal(path), [403, 'read_denied'], path)
    using events = await open('/stream?filter=secret/a&filter=a')
    assert.equal(events.status, 200)
  })

  it('has only messages that may be read, however wide its filter', async () => {
    await post(at, writer, '/topics/secret/kept?retain=true', 'hidden')
    await post(at, writer, '/topics/wide/kept?retain=true', 'kept')
    using events = await open('/stream?filter=secret/%23&filter=wide/%23')
    await post(at, writer, '/topics/secret/live', 'hidden')
    await post(at, writer, '/topics/wide/live', 'live')
    assert.deepEqual(await payloads(events, 2), ['kept', 'live'])
  })

  it('has topics that start with "$" only for a filter that does [MQTT-4.7.2-1]', async () => {
    using wild = await open('/topics/%23')
    using named = await open('/stream?filter=%24x/%23')
    const publisher = await mqtt(at, writer)
    for (const topic of ['$x/a', 'end']) await publisher.publishAsync(topic, topic, { qos: 1 })
    assert.deepEqual(await payloads(named, 1), ['$x/a'])
    for (let topic = ''; topic !== 'end'; ) {
      topic = JSON.parse((await wild.next()).data).topic
      assert.doesNotMatch(topic, /^\$/)
    }
    await publisher.endAsync()
  })

  it('works over HTTP/2, several on one connection', async () => {
    const session = http2Session(at, reader)
    const streams = await Promise.all(
      ['h2/a', 'h2/b', 'h2/%23'].map(async (filter) => {
        const stream = session.request({
          ':path': `/topics/${filter}`,
          accept: 'text/event-stream',
        })
        const [headers] = await once(stream, 'response')
        assert.equal(headers[':status'], 200)
        assert.equal(headers['x-accel-buffering'], 'no')
        assert.equal(headers.connection, undefined)
        let text = ''
        stream.on('data', (chunk) => {
          text += chunk
        })
        return {
          async until(payload: string): Promise<number> {
            while (!text.includes(payload)) await once(stream, 'data')
            return text.split('\ndata: ').length - 1
          },
        }
      }),
    )
    await post(at, writer, '/topics/h2/a', 'to a')
    await post(at, writer, '/topics/h2/b', 'to b')
    assert.deepEqual(
      await Promise.all([
        streams[0]?.until('to a'),
        streams[1]?.until('to b'),
        streams[2]?.until('to b'),
      ]),
      [1, 1, 2],
    )
    session.destroy()
  })

  it('is closed and freed when its reader leaves in any way', async () => {
    await openStreams(at, 0)
    const first = await open('/topics/a')
    const session = http2Session(at, reader)
    const ask = { ':path': '/topics/a', accept: 'text/event-stream' }
    const [reset, left] = [session.request(ask), session.request(ask)]
    await Promise.all([once(reset, 'response'), once(left, 'response')])
    // the reader leaves before it is answered
    const gone = session.request(ask)
    gone.close(8)
    await once(gone, 'close').catch(() => {})
    await openStreams(at, 3)
    first[Symbol.dispose]()
    await openStreams(at, 2)
    reset.close(8)
    await openStreams(at, 1)
    left.on('error', () => {})
    session.destroy()
    await openStreams(at, 0)
  })

  it('applies new rules at once', async () => {
    using events = await open('/topics/rules/%23')
    await post(at, writer, '/topics/rules/a', 'before')
    await writeFile(at.aclFile, ACL.replace('topic read #', 'topic read rules/b'))
    await at.gateway.reload()
    await post(at, writer, '/topics/rules/a', 'hidden')
    await post(at, writer, '/topics/rules/b', 'after')
    assert.deepEqual(await payloads(events, 2), ['before', 'after'])
    await writeFile(at.aclFile, ACL)
    await at.gateway.reload()
  })
})

describe('a reader that does not read', () => {
  const BODY = Buffer.alloc(128 * 1024, 'x')

  it('is disconnected at the byte limit over HTTP/1.1, without an effect on others', async () => {
    await using at = await startGateway({ acl: ACL, settings: { streamBuffer: '64KiB' } })
    const [writer, reader] = [await at.pki.issue('writer'), await at.pki.issue('reader')]
    using other = await eventSource(at, reader, '/topics/a')
    const slow = await rawTls(at, reader)
    slow.write('GET /topics/a HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n')
    await once(slow, 'readable')
    await openStreams(at, 2)
    const received = (async () => {
      let count = 0
      while (JSON.parse((await other.next()).data).payload !== 'end') count++
      return count
    })()
    let sent = 0
    while ((await at.metric(STREAMS)) !== 1) {
      await post(at, writer, '/topics/a', BODY)
      sent++
    }
    assert.equal(await at.metric(CUT_OFF), 1)
    const said = await at.logged(({ msg }) => msg === 'a stream reader is too slow')
    assert.deepEqual([said.door, said.device], ['device', 'reader'])
    await post(at, writer, '/topics/a', 'end')
    assert.equal(await received, sent)
    slow.destroy()
  })

  it('is disconnected over HTTP/2, and the other streams of its connection continue', async () => {
    await using at = await startGateway({ acl: ACL, settings: { streamBuffer: '64KiB' } })
    const [writer, reader] = [await at.pki.issue('writer'), await at.pki.issue('reader')]
    const session = http2Session(at, reader)
    const ask = { ':path': '/topics/big', accept: 'text/event-stream' }
    const slow = session.request(ask)
    const other = session.request({ ...ask, ':path': '/topics/small' })
    await Promise.all([once(slow, 'response'), once(other, 'response')])
    slow.on('error', () => {})
    const cut = once(slow, 'close')
    // nothing reads its data, so its flow control window stays closed
    slow.pause()
    while ((await at.metric(STREAMS)) !== 1) await post(at, writer, '/topics/big', BODY)
    slow.resume()
    await cut
    await post(at, writer, '/topics/small', 'still here')
    let text = ''
    while (!text.includes('still here')) text += (await once(other, 'data'))[0]
    session.destroy()
  })

  it('is disconnected after a time without reading, at any buffer size', async () => {
    await using at = await startGateway({
      acl: ACL,
      settings: { streamBuffer: '1GiB', streamStall: '1' },
    })
    const [writer, reader] = [await at.pki.issue('writer'), await at.pki.issue('reader')]
    const session = http2Session(at, reader)
    const slow = session.request({ ':path': '/topics/a', accept: 'text/event-stream' })
    slow.on('error', () => {})
    await once(slow, 'response')
    slow.pause()
    await post(at, writer, '/topics/a', BODY)
    await post(at, writer, '/topics/a', BODY)
    assert.equal(await at.metric(STREAMS), 1)
    await openStreams(at, 0)
    assert.equal(await at.metric(CUT_OFF), 1)
    session.destroy()
  })
})

describe('the bound on waiting bytes', () => {
  it('allows larger events and more retained messages to a reader that keeps up', async () => {
    await using at = await startGateway({
      acl: ACL,
      settings: { streamBuffer: '20KiB', maxPayload: '1MiB' },
    })
    const [writer, reader] = [await at.pki.issue('writer'), await at.pki.issue('reader')]
    const large = 'x'.repeat(1024 * 1024)
    for (let number = 0; number < 20; number++)
      await post(at, writer, `/topics/kept/${number}?retain=true`, 'x'.repeat(8 * 1024))
    await post(at, writer, '/topics/kept/large?retain=true', large)
    using events = await eventSource(at, reader, '/topics/kept/%23')
    const lengths = (await payloads(events, 21)).map(({ length }) => length)
    assert.equal(Math.max(...lengths), large.length)
    await post(at, writer, '/topics/kept/live', large)
    assert.deepEqual(await payloads(events, 1), [large])
  })
})

describe('the bound on streams', () => {
  it('answers 503 beyond it, and has room again when one ends', async () => {
    await using at = await startGateway({ acl: ACL, settings: { maxStreams: '2' } })
    const reader = await at.pki.issue('reader')
    using first = await eventSource(at, reader, '/topics/a')
    const second = await eventSource(at, reader, '/stream?filter=b')
    for (const path of ['/topics/a', '/stream?filter=a']) {
      const headers = { accept: 'text/event-stream' }
      const refused = await http1(at, reader, { path, headers })
      assert.deepEqual([refused.status, refused.json.code], [503, 'too_many_streams'])
      assert.match(String(refused.headers['retry-after']), /^\d+$/)
    }
    assert.equal(await at.metric('wott_streams_refused_total{door="device"}'), 2)
    assert.deepEqual(
      at.log.filter(({ level }) => level === 'error'),
      [],
    )
    second[Symbol.dispose]()
    await openStreams(at, 1)
    using third = await eventSource(at, reader, '/topics/c')
    assert.deepEqual([first.status, third.status], [200, 200])
  })

  it('leaves room for others when one reader opens many', async () => {
    const settings = { maxStreamsPerReader: '1' }
    await using at = await startGateway({ acl: 'pattern read #\n', settings })
    const reader = await at.pki.issue('reader')
    const other = await at.pki.issue('other')
    const first = await eventSource(at, reader, '/topics/a')
    const headers = { accept: 'text/event-stream' }
    const refused = await http1(at, reader, { path: '/topics/a', headers })
    assert.deepEqual([refused.status, refused.json.code], [503, 'too_many_streams'])
    assert.match(refused.json.detail as string, /WOTT_MAX_STREAMS_PER_READER/)
    using theirs = await eventSource(at, other, '/topics/a')
    first[Symbol.dispose]()
    await openStreams(at, 1)
    using again = await eventSource(at, reader, '/topics/a')
    assert.deepEqual([theirs.status, again.status], [200, 200])
  })
})
