import assert from 'node:assert/strict'
import { copyFile, mkdtemp, readdir } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, it } from 'node:test'
import { temporaryFolder } from '../cli/program.ts'
import { messagesOf, mqtt } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'
import { connectPacket, type RawMqtt, rawConnected, rawMqtt } from '../support/raw-mqtt.ts'

const ACL = 'pattern readwrite #\n'
const WILL = { topic: 'will', payload: Buffer.from('gone'), qos: 1, retain: false } as const

describe('a client id that several connections ask for [MQTT-3.1.4-2]', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let at: TestGateway
  let device: Credentials

  before(async () => {
    folder = await temporaryFolder()
    at = await startGateway({ acl: ACL, settings: { broker: `file:${folder.path}` } })
    device = await at.pki.issue('device.d.wott.local')
  })
  after(async () => {
    await at[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  /** How many of these answer a PINGREQ. */
  async function alive(connections: RawMqtt[]): Promise<number> {
    const answers = connections.map(async (raw) => {
      raw.send({ cmd: 'pingreq' })
      while ((await raw.next()).cmd !== 'pingresp');
      return 1
    })
    const settled = await Promise.all(
      answers.map((answer, index) =>
        Promise.race([answer, connections[index]?.closed.then(() => 0)]).catch(() => 0),
      ),
    )
    return settled.reduce<number>((sum, one) => sum + (one ?? 0), 0)
  }

  for (const clean of [true, false])
    it(`belongs to the last one, though one in between closed while it connected, ${clean ? 'clean' : 'persistent'}`, async () => {
      const clientId = `broken-${clean}`
      const first = await rawConnected(at, device, { clientId, clean })
      const broken = await rawMqtt(at, device)
      // it is gone before its will is stored
      broken.send(connectPacket({ clientId, clean, will: WILL }))
      broken.socket.destroy()
      const last = await rawConnected(at, device, { clientId, clean })
      await first.closed
      assert.equal(await alive([last]), 1)
      last.socket.destroy()
    })

  it('belongs to one connection when many come at once', async () => {
    for (const clean of [true, false]) {
      const clientId = `at-once-${clean}`
      const connections = [await rawConnected(at, device, { clientId, clean })]
      const more = await Promise.all(Array.from({ length: 4 }, () => rawMqtt(at, device)))
      for (const raw of more) raw.send(connectPacket({ clientId, clean, will: WILL }))
      connections.push(...more, await rawConnected(at, device, { clientId, clean }))
      await Promise.all(connections.slice(0, -1).map(({ closed }) => closed))
      assert.equal(await alive(connections), 1)
      for (const { socket } of connections) socket.destroy()
    }
  })

  it('keeps the will of the newest connection in the store, for a crash', async () => {
    const first = await rawConnected(at, device, { clientId: 'heir', will: WILL })
    using second = await rawConnected(at, device, { clientId: 'heir', will: WILL })
    await first.closed
    const watcher = await mqtt(at, device)
    const messages = messagesOf(watcher)
    await watcher.subscribeAsync('will', { qos: 1 })
    // the first connection is cleaned up by now, and changes that nothing waits for go with this commit
    await watcher.publishAsync('will', 'fence', { qos: 1 })
    while ((await messages.next()).payload !== 'fence');
    const stored = await storedWills(folder.path)
    assert.deepEqual(stored, ['device.d.wott.local/heir'])
    second.socket.destroy()
    assert.equal((await messages.next()).payload, 'gone')
    await watcher.endAsync()
  })
})

/** The clients whose wills are stored; read from a copy, as the gateway has the file open. */
async function storedWills(folder: string): Promise<string[]> {
  const copy = await mkdtemp(`${folder}/copy-`)
  for (const name of await readdir(folder))
    if (name.startsWith('broker.sqlite')) await copyFile(`${folder}/${name}`, `${copy}/${name}`)
  using db = new DatabaseSync(`${copy}/broker.sqlite`)
  return db
    .prepare('SELECT client FROM wills')
    .all()
    .map(({ client }) => String(client))
}

describe('a gateway that stops', () => {
  it('publishes the wills of its clients, to absent sessions too, and keeps none of them', async () => {
    await using folder = await temporaryFolder()
    const settings = { broker: `file:${folder.path}` }
    const first = await startGateway({ acl: ACL, settings })
    const device = await first.pki.issue('device.d.wott.local')
    const absent = await mqtt(first, device, { clientId: 'absent', clean: false })
    await absent.subscribeAsync('will', { qos: 1 })
    await absent.endAsync()
    const will = { ...WILL, retain: true }
    await rawConnected(first, device, { clientId: 'dying', will })
    await first[Symbol.asyncDispose]()
    assert.deepEqual(await storedWills(folder.path), [])

    await using second = await startGateway({ acl: ACL, settings })
    const again = await second.pki.issue('device.d.wott.local')
    using back = await rawMqtt(second, again)
    back.send(connectPacket({ clientId: 'absent', clean: false }))
    assert.equal((await back.next()).cmd, 'connack')
    const queued = await back.next()
    assert.ok(queued.cmd === 'publish')
    assert.deepEqual([queued.topic, String(queued.payload)], ['will', 'gone'])
  })
})
