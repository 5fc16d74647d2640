import assert from 'node:assert/strict'
import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Duplex, duplexPair } from 'node:stream'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import mqttPacket from 'mqtt-packet'
import type { Delivery } from '../../src/broker/delivery.ts'
import type { MqttHost } from '../../src/mqtt/mqtt.ts'
import { openMqtt } from '../support/broker.ts'
import { connectPacket } from '../support/raw-mqtt.ts'

const ALLOWED = 'user mortal.d.wott.local\ntopic write last/words\n'
const IDENTITY = { id: 'mortal.d.wott.local', serial: '01', fingerprint256: '', notAfter: Infinity }

describe('the will of a client whose gateway crashed', () => {
  it('is published by the next gateway, in the name of its device', async () => {
    const [will] = await afterCrash(ALLOWED)
    assert.deepEqual(
      [will?.topic, String(will?.payload), will?.device],
      ['last/words', 'last/words is gone', IDENTITY.id],
    )
  })

  it('is published after some seconds, and not at all for a client that is back by then', async () => {
    const start = performance.now()
    const deliveries = await afterCrash(
      'user mortal.d.wott.local\ntopic write +/words\n',
      ['back/words', 'gone/words'],
      (next) => connect(next, 'back/words', 'back/words'),
    )
    assert.deepEqual(
      deliveries.map(({ topic }) => topic),
      ['gone/words'],
    )
    // five, on a machine that does nothing else
    assert.ok(performance.now() - start < 30_000)
  })

  it('is dropped where the rules no longer allow it, and other wills are still published', async () => {
    const deliveries = await afterCrash('user mortal.d.wott.local\ntopic write allowed/words\n', [
      'last/words',
      'allowed/words',
    ])
    assert.deepEqual(
      deliveries.map(({ topic }) => topic),
      ['allowed/words'],
    )
  })
})

describe('the will of a connected client', () => {
  it('is not published as one left by a crash, however the clock is set', async (t) => {
    const deliveries = await afterCrash(ALLOWED, ['last/words'], async (next) => {
      const client = await connect(next, 'alive')
      let time = Date.now()
      t.mock.method(Date, 'now', () => {
        time += 3_600_000
        return time
      })
      return client
    })
    assert.deepEqual(
      deliveries.map(({ payload }) => String(payload)),
      ['last/words is gone'],
    )
  })
})

/** Connects a client that has a will. */
async function connect(host: MqttHost, clientId: string, topic = 'last/words'): Promise<Duplex> {
  const [client, server] = duplexPair()
  host.accept(server, IDENTITY, 'mqtt')
  const payload = Buffer.from(`${clientId} is gone`)
  const will = { topic, payload, qos: 1, retain: false } as const
  client.write(mqttPacket.generate(connectPacket({ clientId, will })))
  await once(client, 'readable')
  return client
}

/** The deliveries of a broker that opens the store of one that crashed with clients connected. */
async function afterCrash(
  acl: string,
  topics: readonly string[] = ['last/words'],
  meanwhile: (next: MqttHost) => Promise<unknown> = async () => {},
): Promise<Delivery[]> {
  const directory = await mkdtemp(join(tmpdir(), 'wott-will-'))
  const [before, after] = [join(directory, 'before'), join(directory, 'after')]
  const crashed = await openMqtt(`file:${before}`, ALLOWED)
  for (const topic of topics) await connect(crashed.host, topic, topic)
  // a crash at this moment would leave what is on disk now
  await cp(before, after, { recursive: true })

  const deliveries: Delivery[] = []
  const next = await openMqtt(`file:${after}`, acl)
  await meanwhile(next.host)
  const first = Promise.withResolvers<void>()
  await next.broker.subscribe(['#'], (delivery) => {
    deliveries.push(delivery)
    first.resolve()
  })
  await first.promise
  // another delivery at the same time would arrive by the next turn
  await nextTurn()
  const delivered = [...deliveries]
  await Promise.all([crashed.broker.close(), next.broker.close()])
  await rm(directory, { recursive: true })
  return delivered
}
