import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type Duplex, duplexPair } from 'node:stream'
import { describe, it, type TestContext } from 'node:test'
import mqttPacket, { type IConnectPacket, type IPublishPacket, type Packet } from 'mqtt-packet'
import type { OpenedSession } from '../../src/broker/registry.ts'
import { type CutReason, silentMeter } from '../../src/metrics/meter.ts'
import type { MqttConnection } from '../../src/mqtt/connection.ts'
import { LateMessage } from '../../src/mqtt/web-socket.ts'
import { openMqtt } from '../support/broker.ts'
import { collectLog } from '../support/log.ts'
import { message } from '../support/message.ts'
import { connectPacket } from '../support/raw-mqtt.ts'

const IDENTITY = { id: 'sensor', serial: '01', fingerprint256: '', notAfter: Infinity }
const WILL = { topic: 'a/will', payload: Buffer.from('gone'), qos: 0, retain: false } as const
const MQTT5 = { protocolVersion: 5 } as const

type Answer = () => Promise<OpenedSession | null>

/** A broker that opens a session when the test says so. */
async function openSite(context: TestContext) {
  const { log, lines, logged } = collectLog()
  const cuts: CutReason[] = []
  const published: string[] = []
  const asked: ((answer: 'as usual' | 'none' | Error, sent?: Promise<void>) => Promise<void>)[] = []
  const places: { go: () => void; hasLeft: boolean }[] = []
  let isPaced = false
  const { broker, host } = await openMqtt('memory:', 'pattern readwrite #\n', (options) => ({
    log,
    meter: { ...silentMeter, connectionCut: (_, reason) => void cuts.push(reason) },
    sessions: {
      ...options.sessions,
      open(request) {
        const { promise, resolve } = Promise.withResolvers<Answer>()
        asked.push(async (answer, sent) => {
          resolve(async () => {
            if (answer instanceof Error) throw answer
            if (answer === 'none') return null
            const session = await options.sessions.open(request)
            await sent
            return session
          })
          await promise
        })
        return promise.then((open) => open())
      },
    },
    relay: {
      ...options.relay,
      admit(_id, _message, go) {
        if (!isPaced) return null
        const place = { go, hasLeft: false }
        places.push(place)
        return () => {
          place.hasLeft = true
        }
      },
    },
  }))
  context.after(() => broker.close())
  await broker.follow(({ topic }) => void published.push(topic))
  return {
    broker,
    lines,
    logged,
    cuts,
    published,
    places,
    pace: () => {
      isPaced = true
    },
    /** Answers the oldest request for a session; the connection is told of it once `sent` resolves. */
    async answer(answer: 'as usual' | 'none' | Error = 'as usual', sent?: Promise<void>) {
      await asked.shift()?.(answer, sent)
    },
    asked: () => asked.length,
    connect: () => connectTo((stream) => host.accept(stream, IDENTITY, 'mqtt')),
  }
}

function connectTo(accept: (stream: Duplex) => MqttConnection) {
  const [own, other] = duplexPair()
  const connection = accept(other)
  const parser = mqttPacket.parser(MQTT5)
  const packets: Packet[] = []
  const wanted: ((packet: Packet) => void)[] = []
  parser.on('packet', (packet) => {
    const next = wanted.shift()
    if (next) next(packet)
    else packets.push(packet)
  })
  own.on('data', (chunk) => parser.parse(chunk))
  return {
    own,
    connection,
    packets,
    send: (...sent: Packet[]) =>
      void own.write(Buffer.concat(sent.map((one) => mqttPacket.generate(one, MQTT5)))),
    next: () => {
      const first = packets.shift()
      return first ? Promise.resolve(first) : new Promise<Packet>((resolve) => wanted.push(resolve))
    },
    /** Destroys the socket, as a lost network does: a paused stream is not told of an end. */
    lose: () => void other.destroy(),
    /** The errors of its stream. */
    fault: (error: Error) => void other.emit('error', error),
    ended: Promise.race([once(own, 'end'), once(other, 'close')]),
  }
}

const connect = (more: Partial<IConnectPacket> = {}): Packet =>
  connectPacket({ ...MQTT5, clientId: 'c', clean: true, ...more })

/** Opens a connection up to its CONNACK. */
async function opened(
  site: Awaited<ReturnType<typeof openSite>>,
  more: Partial<IConnectPacket> = {},
) {
  const client = site.connect()
  client.send(connect(more))
  await turn()
  await site.answer()
  assert.equal((await client.next()).cmd, 'connack')
  return client
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('a connection that awaits CONNECT', () => {
  it('opens with it, and packets behind it wait until it is open', async (context) => {
    const site = await openSite(context)
    const client = site.connect()
    client.send(connect(), { cmd: 'pingreq' })
    await turn()
    assert.deepEqual([site.asked(), client.packets.length], [1, 0])
    await site.answer()
    assert.equal((await client.next()).cmd, 'connack')
    assert.equal((await client.next()).cmd, 'pingresp')
  })

  it('ends with any other packet, and asks for no session', async (context) => {
    const site = await openSite(context)
    const client = site.connect()
    client.send({ cmd: 'pingreq' })
    await client.ended
    assert.deepEqual([site.asked(), site.cuts], [0, ['protocol_error']])
  })

  it('ends with its stream, without a line in the log', async (context) => {
    const site = await openSite(context)
    const client = site.connect()
    client.own.end()
    await client.ended
    assert.deepEqual([site.asked(), site.cuts, site.lines], [0, [], []])
  })

  it('ends with its certificate', async (context) => {
    const site = await openSite(context)
    const client = site.connect()
    client.connection.dismiss('is revoked')
    await client.ended
    assert.deepEqual(client.packets, [])
  })
})

describe('a connection that is opening', () => {
  for (const [what, end] of [
    ['stream', ({ lose }) => lose()],
    ['certificate', ({ connection }) => connection.dismiss('is revoked')],
  ] as readonly [string, (client: ReturnType<typeof connectTo>) => void][])
    it(`ends with its ${what}, and gives back a session that is opened afterwards`, async (context) => {
      const site = await openSite(context)
      const client = site.connect()
      client.send(connect({ will: WILL }))
      await turn()
      end(client)
      await client.ended
      await site.answer()
      await turn()
      assert.deepEqual([...site.broker.sessions.all()], [])
      assert.deepEqual([client.packets, site.lines], [[], []])
      assert.deepEqual(site.published, [])
    })

  it('ends where the store fails to open its session, with a reason code', async (context) => {
    const site = await openSite(context)
    const client = site.connect()
    client.send(connect())
    await turn()
    await site.answer(new Error('disk full'))
    assert.partialDeepStrictEqual(await client.next(), { cmd: 'connack', reasonCode: 0x88 })
    await client.ended
    await site.logged(({ msg }) => msg === 'an MQTT connection failed')
  })

  it('ends where the bound on sessions is reached, with a reason code', async (context) => {
    const site = await openSite(context)
    const client = site.connect()
    client.send(connect())
    await turn()
    await site.answer('none')
    assert.partialDeepStrictEqual(await client.next(), { cmd: 'connack', reasonCode: 0x97 })
    await client.ended
  })

  it('asks for its session once the rate limit allows its will', async (context) => {
    const site = await openSite(context)
    site.pace()
    const client = site.connect()
    client.send(connect({ will: WILL }))
    await turn()
    assert.equal(site.asked(), 0)
    site.places[0]?.go()
    assert.equal(site.asked(), 1)
    await site.answer()
    assert.equal((await client.next()).cmd, 'connack')
  })

  it('gives up its place in the rate limit when it ends', async (context) => {
    const site = await openSite(context)
    site.pace()
    const client = site.connect()
    client.send(connect({ will: WILL }))
    await turn()
    client.lose()
    await client.ended
    assert.deepEqual([site.places[0]?.hasLeft, site.asked()], [true, 0])
  })

  it('ends when another connection with the same client id comes, which opens', async (context) => {
    const site = await openSite(context)
    const [first, second] = [site.connect(), site.connect()]
    first.send(connect())
    second.send(connect())
    await turn()
    await Promise.all([site.answer(), site.answer()])
    assert.equal((await second.next()).cmd, 'connack')
    await first.ended
    assert.equal([...site.broker.sessions.all()].length, 1)
  })
})

describe('a connection that is opening beside others', () => {
  const lasting = { clean: false, properties: { sessionExpiryInterval: 60 } }

  it('receives nothing before its CONNACK [MQTT-3.2.0-1]', async (context) => {
    const site = await openSite(context)
    const before = await opened(site, lasting)
    const subscriptions = [{ topic: 'news', qos: 1 }] as const
    before.send({ cmd: 'subscribe', messageId: 1, subscriptions: [...subscriptions] })
    assert.equal((await before.next()).cmd, 'suback')
    before.own.end()
    await before.ended
    const client = site.connect()
    client.send(connect(lasting))
    await turn()
    const connack = Promise.withResolvers<void>()
    await site.answer('as usual', connack.promise)
    await turn()
    for (const qos of [0, 1] as const) await site.broker.publish(message('news', `${qos}`, { qos }))
    await turn()
    assert.deepEqual(client.packets, [])
    connack.resolve()
    assert.partialDeepStrictEqual(await client.next(), { cmd: 'connack', sessionPresent: true })
    const queued = await client.next()
    assert.deepEqual([queued.cmd, String((queued as IPublishPacket).payload)], ['publish', '1'])
  })

  for (const [what, terms] of [
    ['clean', { clean: true }],
    ['persistent', lasting],
  ] as const)
    it(`has no part in the session once it has ended, ${what} [MQTT-3.1.4-2]`, async (context) => {
      const site = await openSite(context)
      const first = await opened(site, terms)
      const [broken, last] = [site.connect(), site.connect()]
      broken.send(connect({ ...terms, will: WILL }))
      await turn()
      broken.lose()
      last.send(connect(terms))
      await turn()
      await Promise.all([site.answer(), site.answer()])
      assert.equal((await last.next()).cmd, 'connack')
      await first.ended
      last.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'news', qos: 1 }] })
      assert.equal((await last.next()).cmd, 'suback')
      await site.broker.publish(message('news', '1', { qos: 1 }))
      assert.equal((await last.next()).cmd, 'publish')
      assert.deepEqual([broken.packets, site.published], [[], ['news']])
    })
})

describe('a connection that is open', () => {
  const reasons: readonly [string, (client: ReturnType<typeof connectTo>) => void, string][] = [
    [
      'DISCONNECT',
      ({ send }) => send({ cmd: 'disconnect', reasonCode: 0 } as Packet),
      'sent DISCONNECT',
    ],
    ['its stream', ({ own }) => void own.end(), 'closed its connection without a DISCONNECT'],
    [
      'its certificate',
      ({ connection }) => connection.dismiss('is revoked'),
      'has a certificate that is revoked',
    ],
    [
      'a packet that it may not send',
      ({ send }) => send(connect()),
      'sent a second CONNECT [MQTT-3.1.0-2]',
    ],
  ]
  for (const [what, end, reason] of reasons)
    it(`ends once with ${what}, and gives back its session`, async (context) => {
      const site = await openSite(context)
      const client = await opened(site)
      end(client)
      await client.ended
      client.connection.dismiss('is revoked')
      const left = site.lines.filter((line) => line.reason !== undefined)
      assert.deepEqual(
        left.map((line) => [line.client, line.reason]),
        [['c', reason]],
      )
      assert.deepEqual([...site.broker.sessions.all()], [])
    })

  it('ends when the gateway stops', async (context) => {
    const site = await openSite(context)
    const client = await opened(site)
    await site.broker.sessions.endAll()
    assert.partialDeepStrictEqual(await client.next(), { cmd: 'disconnect', reasonCode: 0x8b })
    await client.ended
  })
})

it('a connection that has ended reads no more packets, and is counted once', async (context) => {
  const site = await openSite(context)
  const client = await opened(site)
  client.send(connect(), connect(), { cmd: 'pingreq' })
  await client.ended
  client.fault(new LateMessage())
  assert.deepEqual(
    client.packets.map(({ cmd }) => cmd),
    ['disconnect'],
  )
  assert.deepEqual(site.cuts, ['protocol_error'])
})
