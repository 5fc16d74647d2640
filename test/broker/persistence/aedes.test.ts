import assert from 'node:assert/strict'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { Aedes } from 'aedes'
import mqtt, { type IConnackPacket, type IPublishPacket, type MqttClient } from 'mqtt'
import { openFile, temporaryDirectory } from './stores.ts'

let boots = 0
const ends: (() => Promise<unknown>)[] = []
after(() => Promise.all(ends.map((end) => end())))

/** aedes as it comes, on the store in `directory`. */
async function start(directory: string) {
  const persistence = await openFile(directory)
  boots += 1
  const aedes = await Aedes.createBroker({ persistence, id: `boot${boots}` })
  aedes.on('connackSent', (_connack, { id }) => persistence.touch(id, true))
  aedes.on('clientDisconnect', ({ id }) => persistence.touch(id, false))
  const server = createServer((socket: Socket) => void aedes.handle(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  let stopped: Promise<void> | undefined
  async function end(): Promise<void> {
    await new Promise<void>((resolve) => aedes.close(resolve))
    await new Promise((resolve) => server.close(resolve))
    await persistence.destroy()
  }
  const stop = () => {
    stopped ??= end()
    return stopped
  }
  ends.push(stop)
  return {
    stop,
    port,
    publish: (topic: string, payload: string, qos: 0 | 1 | 2 = 1) =>
      new Promise<void>((resolve, reject) => {
        const packet = { cmd: 'publish', topic, payload, qos, retain: false, dup: false } as const
        aedes.publish({ ...packet }, (error) => (error ? reject(error) : resolve()))
      }),
  }
}

interface Listening {
  readonly client: MqttClient
  readonly sessionPresent: boolean
  /** The next `count` messages. */
  take(count: number): Promise<IPublishPacket[]>
}

interface Sender {
  _sendPacket(packet: { cmd: string }, sent?: () => void, ...rest: unknown[]): void
}

/** A client with a session; one that is mute acknowledges nothing. */
async function connect(port: number, clientId: string, mute = false): Promise<Listening> {
  const options = { clientId, clean: false, reconnectPeriod: 0, resubscribe: false }
  const client = mqtt.connect({ host: '127.0.0.1', port, ...options })
  const received: IPublishPacket[] = []
  let arrived = () => {}
  client.on('packetreceive', (packet) => {
    if (packet.cmd !== 'publish') return
    received.push(packet)
    arrived()
  })
  if (mute) {
    const sender = client as unknown as Sender
    const send = sender._sendPacket.bind(client)
    sender._sendPacket = (packet, sent, ...rest) =>
      packet.cmd === 'puback' || packet.cmd === 'pubrec' ? sent?.() : send(packet, sent, ...rest)
  }
  ends.push(() => client.endAsync(true))
  const connack = await new Promise<IConnackPacket>((resolve) => client.once('connect', resolve))
  return {
    client,
    sessionPresent: connack.sessionPresent,
    async take(count) {
      while (received.length < count) await new Promise<void>((resolve) => (arrived = resolve))
      return received.splice(0, count)
    },
  }
}

const payloads = (packets: IPublishPacket[]) => packets.map(({ payload }) => `${payload}`)

test('what is published while a client is away is delivered in order, over a restart', async () => {
  const directory = temporaryDirectory()
  const first = await start(directory)
  const { client, sessionPresent } = await connect(first.port, 'a')
  assert.equal(sessionPresent, false)
  await client.subscribeAsync({ '#': { qos: 1 }, 'x/y': { qos: 2 } })
  await client.endAsync()
  for (const payload of ['1', '2', '3']) await first.publish('x/y', payload, 2)
  await first.stop()

  const second = await start(directory)
  for (const payload of ['4', '5']) await second.publish('x', payload, 2)
  const back = await connect(second.port, 'a')
  assert.equal(back.sessionPresent, true)
  const packets = await back.take(5)
  assert.deepEqual(payloads(packets), ['1', '2', '3', '4', '5'])
  assert.deepEqual(
    packets.map(({ qos }) => qos),
    [2, 2, 2, 1, 1],
  )
  assert.ok(packets.every(({ dup, retain }) => !dup && !retain))
})

test('what was not acknowledged comes again as a DUP of the same packet', async () => {
  const directory = temporaryDirectory()
  const first = await start(directory)
  const mute = await connect(first.port, 'a', true)
  await mute.client.subscribeAsync('#', { qos: 2 })
  await first.publish('x', '1', 1)
  await first.publish('x', '2', 2)
  const before = await mute.take(2)
  await mute.client.endAsync(true)
  const again = await connect(first.port, 'a', true)
  const repeated = await again.take(2)
  await again.client.endAsync(true)
  await first.stop()

  const second = await start(directory)
  const { take, client } = await connect(second.port, 'a')
  const last = await take(2)
  const seen = (packets: IPublishPacket[]) =>
    packets.map(({ payload, messageId }) => `${payload} ${messageId}`)
  assert.deepEqual(seen(repeated), seen(before))
  assert.deepEqual(seen(last), seen(before))
  assert.deepEqual(
    [...before, ...repeated, ...last].map(({ dup }) => dup),
    [...[false, false], ...[true, true, true, true]],
  )
  await client.endAsync()
})

test('an exchange of QoS 2 ends, and nothing comes again', async () => {
  const directory = temporaryDirectory()
  const { port, publish } = await start(directory)
  const { client, take } = await connect(port, 'a')
  await client.subscribeAsync('#', { qos: 2 })
  await client.publishAsync('x', '1', { qos: 2 })
  assert.deepEqual(payloads(await take(1)), ['1'])
  await publish('x', '2', 2)
  assert.deepEqual(payloads(await take(1)), ['2'])
  await client.endAsync()
  const back = await connect(port, 'a')
  await publish('x', 'end', 1)
  const [next] = await back.take(1)
  assert.equal(`${next?.payload}`, 'end')
})
