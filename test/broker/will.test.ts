import assert from 'node:assert/strict'
import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { duplexPair } from 'node:stream'
import { describe, it } from 'node:test'
import mqttPacket from 'mqtt-packet'
import { pino } from 'pino'
import type { Delivery } from '../../src/broker/broker.ts'
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
      ['last/words', 'gone', IDENTITY.id],
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

/** What is delivered by a broker that opens what another one with a connected client left behind. */
async function afterCrash(acl: string): Promise<Delivery[]> {
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
  const [client, server] = duplexPair()
  crashed.accept(server, IDENTITY, 'mqtt')
  const will = { topic: 'last/words', payload: Buffer.from('gone'), qos: 1, retain: false } as const
  client.write(mqttPacket.generate(connectPacket({ will })))
  await once(client, 'readable')
  // what is on disk at this moment is what a crash would leave
  await cp(before, after, { recursive: true })

  const deliveries: Delivery[] = []
  const next = await open(after, acl, 20)
  const first = Promise.withResolvers<void>()
  await next.subscribe('#', (delivery) => {
    deliveries.push(delivery)
    first.resolve()
  })
  if (acl === '') {
    // the will is asked about every 80 ms: after its second turn it has been
    const payload = Buffer.alloc(0)
    const fence = { topic: 'fence', payload, qos: 0, retain: false, device: null, time: 0 } as const
    setTimeout(() => void next.publish(fence), 200)
  }
  await first.promise
  await Promise.all([crashed.close(), next.close()])
  await rm(directory, { recursive: true })
  return deliveries
}
