import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { temporaryFolder } from '../cli/program.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type ConnectTerms, connectClient, type PacketClient } from '../support/packet-client.ts'
import type { Credentials } from '../support/pki.ts'

for (const [name, terms] of [
  ['3.1.1', { version: 4 }],
  ['5', { version: 5, properties: { sessionExpiryInterval: 3600 } }],
] as const satisfies [string, ConnectTerms][])
  describe(`a session of MQTT ${name} over a restart of the gateway`, () => {
    let folder: Awaited<ReturnType<typeof temporaryFolder>>
    let at: TestGateway
    let device: Credentials

    async function start(): Promise<void> {
      const settings = { broker: `file:${folder.path}` }
      at = await startGateway({ acl: 'pattern readwrite #\n', settings })
      device = await at.pki.issue('device.d.wott.local')
    }

    async function restart(): Promise<void> {
      await at[Symbol.asyncDispose]()
      await start()
    }

    const connect = () => connectClient(at, device, 'a', { ...terms, clean: false })

    async function publish(topic: string, payload: string, qos: 1 | 2): Promise<void> {
      using writer = await connectClient(at, device, 'writer')
      await writer.publish(topic, payload, { qos })
    }

    beforeEach(async () => {
      folder = await temporaryFolder()
      await start()
    })
    afterEach(async () => {
      await at[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    })

    it('receives what was published while its client was away, in order', async () => {
      const client = await connect()
      assert.equal(client.connack.sessionPresent, false)
      await client.subscribe([
        { topic: '#', qos: 1 },
        { topic: 'x/y', qos: 2 },
      ])
      await client.disconnect()
      for (const payload of ['1', '2', '3']) await publish('x/y', payload, 2)
      await restart()
      for (const payload of ['4', '5']) await publish('x', payload, 2)
      using back = await connect()
      assert.equal(back.connack.sessionPresent, true)
      const seen: unknown[] = []
      while (seen.length < 5) {
        const { payload, qos, dup, retain } = await back.receive()
        seen.push([payload, qos, dup, retain])
      }
      assert.deepEqual(seen, [
        ['1', 2, false, false],
        ['2', 2, false, false],
        ['3', 2, false, false],
        ['4', 1, false, false],
        ['5', 1, false, false],
      ])
    })

    it('receives what it did not acknowledge again, with DUP and the same identifier', async () => {
      const taken = async (client: PacketClient) => {
        const packets = [await client.take(), await client.take()]
        return packets.map(({ payload, messageId, dup }) => ({ payload, messageId, dup }))
      }
      const first = await connect()
      await first.subscribe('#')
      await publish('x', '1', 1)
      await publish('x', '2', 2)
      const before = await taken(first)
      assert.deepEqual(
        before.map(({ payload, dup }) => [payload, dup]),
        [
          ['1', false],
          ['2', false],
        ],
      )
      await first.drop()
      const repeated = before.map((packet) => ({ ...packet, dup: true }))
      const second = await connect()
      assert.deepEqual(await taken(second), repeated)
      await second.drop()
      await restart()
      using third = await connect()
      assert.deepEqual(await taken(third), repeated)
    })

    it('receives nothing more of a completed QoS 2 exchange', async () => {
      const client = await connect()
      await client.subscribe('#')
      await publish('x', '1', 2)
      assert.equal((await client.receive()).payload, '1')
      await client.ping()
      await client.disconnect()
      await restart()
      using back = await connect()
      await publish('x', 'end', 1)
      assert.equal((await back.receive()).payload, 'end')
    })
  })
