import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createServer } from 'node:tls'
import mqttPacket from 'mqtt-packet'
import type { DeviceClient } from '../../src/cli/client.ts'
import { followMqtt } from '../../src/cli/follow-mqtt.ts'
import { createPki, type Pki } from '../support/pki.ts'

const MQTT_5 = { protocolVersion: 5 } as const

/** A broker that refuses connections as scripted, which a gateway cannot do. */
interface Refusing extends AsyncDisposable {
  readonly client: DeviceClient
  /** Reason codes of the next CONNACKs; after a 0 it closes the connection at the first subscription. */
  readonly script: number[]
}

async function startRefusing(pki: Pki, script: number[], onLast: () => void): Promise<Refusing> {
  const own = await pki.issue('gateway.d.wott.local', { names: ['localhost'] })
  const device = await pki.issue('device.d.wott.local')
  const keys = { ca: own.ca, cert: own.certificate, key: own.key }
  const server = createServer({ ...keys, requestCert: true }, (socket) => {
    const parser = mqttPacket.parser(MQTT_5)
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => parser.parse(bytes))
    parser.on('packet', (packet) => {
      if (packet.cmd === 'connect') {
        const reasonCode = script.shift() ?? 0
        const properties = { reasonString: 'The reason.' }
        const connack = { cmd: 'connack', sessionPresent: false, reasonCode, properties } as const
        socket.write(mqttPacket.generate(connack, MQTT_5))
        if (reasonCode !== 0) socket.end()
      } else if (packet.cmd === 'subscribe') {
        const suback = { messageId: packet.messageId ?? 0, granted: [1] }
        socket.write(mqttPacket.generate({ cmd: 'suback', ...suback }, MQTT_5))
        if (script.length > 0) socket.end()
        else onLast()
      }
    })
  }).listen(0, 'localhost')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    script,
    client: {
      ca: Buffer.from(device.ca),
      cert: Buffer.from(device.certificate),
      key: Buffer.from(device.key),
      host: 'localhost',
      port,
      via: 'mqtt',
    },
    async [Symbol.asyncDispose]() {
      server.close()
      await once(server, 'close')
    },
  }
}

describe('sub over MQTT', () => {
  let pki: Pki
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wott-follow-'))
    pki = await createPki(folder)
  })
  after(() => rm(folder, { recursive: true }))

  it('reconnects after temporary refusals', async () => {
    const stop = new AbortController()
    await using at = await startRefusing(pki, [0, 0x88, 0x89, 0x97, 0], () => stop.abort())
    await followMqtt(at.client, 'a', () => {}, stop.signal)
    assert.deepEqual(at.script, [])
  })

  it('ends after a permanent refusal, with the reason', async () => {
    const stop = new AbortController()
    await using at = await startRefusing(pki, [0, 0x97, 0x87, 0], () => stop.abort())
    await assert.rejects(
      followMqtt(at.client, 'a', () => {}, stop.signal),
      {
        name: 'CommandFailure',
        message: `localhost:${at.client.port}: Connection refused: Not authorized: The reason`,
      },
    )
    assert.deepEqual(at.script, [0])
  })

  it('ends if its first connection is refused', async () => {
    await using at = await startRefusing(pki, [0x97, 0], () => {})
    await assert.rejects(
      followMqtt(at.client, 'a', () => {}, new AbortController().signal),
      {
        message: `localhost:${at.client.port}: Connection refused: Quota exceeded: The reason`,
      },
    )
  })
})
