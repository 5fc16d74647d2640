import assert from 'node:assert/strict'
import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Duplex, duplexPair } from 'node:stream'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import mqttPacket from 'mqtt-packet'
import { pino } from 'pino'
import type { Delivery } from '../../src/broker/broker.ts'
import type { MqttHost } from '../../src/broker/embedded.ts'
import { openBroker } from '../../src/broker/open.ts'
import { loadConfig } from '../../src/config/load.ts'
import { silentMeter } from '../../src/metrics/meter.ts'
import { aclOf } from '../support/acl.ts'
import { connectPacket } from '../support/raw-mqtt.ts'

const ALLOWED = 'user mortal.d.wott.local\ntopic write last/words\n'
const IDENTITY = { id: 'mortal.d.wott.local', serial: '01', fingerprint256: '', notAfter: Infinity }

describe('the will of a client whose gateway crashed', () => {
  it('is published by the next one, in the name of its device', async () => {
    const [will] = await afterCrash(ALLOWED)
    assert.deepEqual(
      [will?.topic, String(will?.payload), will?.device],
      ['last/words', 'raw is gone', IDENTITY.id],
    )
  })

  it('is dropped where the rules no longer allow it, and the gateway lives', async () => {
    const deliveries = await afterCrash('')
    assert.deepEqual(
      deliveries.map(({ topic }) => topic),
      ['fence'],
    )
  })
})

describe('the will of a connected client', () => {
  it('is not taken for one left behind, however the clock is set', async (t) => {
    const deliveries = await afterCrash(ALLOWED, async (next) => {
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
      ['raw is gone'],
    )
  })
})

/** Connects a client that has a will. */
async function connect(broker: MqttHost, clientId: string): Promise<Duplex> {
  const [client, server] = duplexPair()
  broker.accept(server, IDENTITY, 'mqtt')
  const payload = Buffer.from(`${clientId} is gone`)
  const will = { topic: 'last/words', payload, qos: 1, retain: false } as const
  client.write(mqttPacket.generate(connectPacket({ clientId, will })))
  await once(client, 'readable')
  return client
}

/** What is delivered by a broker that opens what another one with a connected client left behind. */
async function afterCrash(
  acl: string,
  meanwhile: (next: MqttHost) => Promise<unknown> = async () => {},
): Promise<Delivery[]> {
  const directory = await mkdtemp(join(tmpdir(), 'wott-will-'))
  const [before, after] = [join(directory, 'before'), join(directory, 'after')]
  const open = (path: string, rules: string, heartbeatMs: number) => {
    const config = loadConfig({}, { broker: `file:${path}`, aclFile: '/dev/null' })
    const log = pino({ level: 'silent' })
    return openBroker(config.broker, {
      ...config,
      acl: aclOf(rules),
      denials: { note() {} },
      meter: silentMeter,
      log,
      heartbeatMs,
    })
  }

  const crashed = await open(before, ALLOWED, 60_000)
  await connect(crashed, 'raw')
  // what is on disk at this moment is what a crash would leave
  await cp(before, after, { recursive: true })

  const deliveries: Delivery[] = []
  const next = await open(after, acl, 20)
  await meanwhile(next)
  const first = Promise.withResolvers<void>()
  await next.subscribe('#', (delivery) => {
    deliveries.push(delivery)
    first.resolve()
  })
  if (acl === '') {
    // the will is asked about every 80 ms: after its second turn it has been
    const payload = Buffer.alloc(0)
    const fence = {
      topic: 'fence',
      payload,
      qos: 0,
      retain: false,
      device: null,
      time: 0,
      properties: null,
      expires: null,
    } as const
    setTimeout(() => void next.publish(fence), 200)
  }
  await first.promise
  // one that came with it would be here by the next turn
  await nextTurn()
  const delivered = [...deliveries]
  await Promise.all([crashed.close(), next.close()])
  await rm(directory, { recursive: true })
  return delivered
}
