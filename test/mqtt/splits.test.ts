import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { temporaryFolder } from '../cli/program.ts'
import { messagesOf, mosquittoArgs, mqtt, run } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'
import { connectPacket } from '../support/raw-mqtt.ts'
import { type OpenChannel, tlsChannel, webSocketChannel } from './channel.ts'
import { type Conversation, converse, opening, type Sent, toBytes } from './conversation.ts'
import { cutAt, type Divide, glued, offsets, sized } from './divide.ts'

const AT_ONCE = 16
/** More would show nothing new, and each waits for its deadline. */
const FAILURES_ENOUGH = 32
const LARGE = Buffer.alloc(100_000, 'a payload that fills many records, ')

const SHORT: readonly Sent[] = [
  { qos: 0, payload: 'a' },
  { qos: 1, payload: 'b' },
  { qos: 2, payload: 'c' },
]
const SMALL_AND_LARGE: readonly Sent[] = [
  { qos: 1, payload: 'before' },
  { qos: 1, payload: LARGE },
  { qos: 0, payload: 'between' },
  { qos: 2, payload: LARGE.subarray(1) },
  { qos: 1, payload: 'after' },
]

/** Enough messages for several TLS records of many packets each. */
const MANY: readonly Sent[] = Array.from({ length: 250 }, (_, index) => ({
  qos: index % 5 === 0 ? 0 : 1,
  payload: String(index).padEnd(300),
}))

const USUAL = { session: 'clean', waitsFor: null, messages: SHORT } as const

type Way = Partial<Pick<Conversation, 'session' | 'waitsFor' | 'messages'>> & {
  readonly what: string
  readonly divide: Divide
}

const PACKETS = opening({ topic: topicOf(0), session: 'clean', messages: SHORT })
const BYTES = Buffer.concat(PACKETS).length
const CONNECT_BYTES = PACKETS[0]?.length as number

const IN_TWO: Way[] = offsets(BYTES).map((at) => ({ what: `cut at ${at}`, divide: cutAt(at) }))

const IN_THREE: Way[] = offsets(BYTES - 1).map((first) => {
  const second = first + 1 + ((first * 7) % (BYTES - first - 1))
  return { what: `cut at ${first} and ${second}`, divide: cutAt(first, second) }
})

const CONNECT_IN_THREE: Way[] = offsets(CONNECT_BYTES).flatMap((second) =>
  offsets(second).map((first) => ({
    what: `cut at ${first} and ${second}`,
    divide: cutAt(first, second),
    waitsFor: 'connack',
  })),
)

const GLUED: Way[] = Array.from({ length: 2 ** (PACKETS.length - 1) }, (_, bits) => ({
  what: `glued as ${bits.toString(2)}`,
  divide: glued(bits),
}))

const BYTE_BY_BYTE: Way[] = [{ what: 'byte by byte', divide: sized(1) }]

const SIZES = [
  [Infinity],
  [1021],
  [4093],
  [16_383],
  [16_385],
  [65_537],
  [1, 7, 16_384, 3, 257, 33_333, 2],
]
const IN_SIZES = SIZES.map((sizes) => ({
  what: `in pieces of ${sizes}`,
  divide: sized(...sizes),
}))
const WITH_LARGE = IN_SIZES.map((way): Way => ({ ...way, messages: SMALL_AND_LARGE }))
const WITH_MANY = IN_SIZES.map((way): Way => ({ ...way, messages: MANY }))

/** A stored subscription is only active after SUBACK, so these wait for it. */
const PERSISTENT = [...IN_TWO, ...BYTE_BY_BYTE, ...WITH_LARGE].map(
  (way): Way => ({ ...way, session: 'persistent', waitsFor: null }),
)

/** Topics of the same length. */
function topicOf(number: number): string {
  return `t/${String(number).padStart(4, '0')}`
}

for (const store of ['memory', 'file'])
  describe(`packets are read wherever they are split, with a ${store} store`, () => {
    const resources = new AsyncDisposableStack()
    let at: TestGateway
    let device: Credentials
    let topics = 0

    before(async () => {
      const folder = resources.use(await temporaryFolder())
      const broker = store === 'file' ? `file:${folder.path}` : 'memory:'
      const settings = { broker, maxInflight: String(MANY.length), publishRate: '0' }
      at = resources.use(await startGateway({ acl: 'pattern readwrite #\n', settings }))
      device = await at.pki.issue('device.d.wott.local')
    })
    after(() => resources.disposeAsync())

    async function converseIn(ways: readonly Way[], open: OpenChannel): Promise<void> {
      const failures: string[] = []
      const all = (['together', 'apart'] as const).flatMap((pace) =>
        ways.map((way) => ({ ...USUAL, ...way, pace })),
      )
      await inParallel(AT_ONCE, all, async (way) => {
        if (failures.length >= FAILURES_ENOUGH) return
        using channel = await open(at, device)
        topics += 1
        await converse(channel, { ...way, topic: topicOf(topics) }).catch((error: Error) =>
          failures.push(`${way.what}, ${way.pace}: ${error.message}`),
        )
      })
      assert.deepEqual(failures, [])
    }

    // packets are put together before a store is asked; sessions in a file are split at every byte below
    if (store === 'memory') {
      it('in two TLS records, split at every byte', () => converseIn(IN_TWO, tlsChannel))
      it('in three WebSocket messages', () => converseIn(IN_THREE, webSocketChannel))
      it('of CONNECT in three WebSocket messages, with nothing after it', () =>
        converseIn(CONNECT_IN_THREE, webSocketChannel))
    }

    for (const [pieces, open] of [
      ['TLS records', tlsChannel],
      ['WebSocket messages', webSocketChannel],
    ] as const) {
      it(`in ${pieces} of one byte`, () => converseIn(BYTE_BY_BYTE, open))
      it(`in ${pieces} with one packet or more`, () => converseIn(GLUED, open))
      it(`in ${pieces} with a large PUBLISH and others`, () => converseIn(WITH_LARGE, open))
      it(`in ${pieces} with many packets`, () => converseIn(WITH_MANY, open))
      if (store === 'file')
        it(`in ${pieces} of a persistent session`, () => converseIn(PERSISTENT, open))

      it(`in ${pieces} with a large PUBLISH right after CONNECT`, async () => {
        const watcher = await mqtt(at, device)
        const messages = messagesOf(watcher)
        await watcher.subscribeAsync('eager')
        const packets = toBytes(
          connectPacket({ clientId: '' }),
          {
            cmd: 'publish',
            topic: 'eager',
            payload: LARGE,
            qos: 1,
            messageId: 1,
            dup: false,
            retain: false,
          },
          { cmd: 'pingreq' },
        )
        for (const sizes of SIZES) {
          using channel = await open(at, device)
          await channel.send(sized(...sizes)(packets), 'together')
          const [connack, ...others] = await channel.answers(packets.length)
          assert.equal(connack?.cmd, 'connack')
          assert.deepEqual(others.map(({ cmd }) => cmd).sort(), ['pingresp', 'puback'])
          assert.ok((await messages.next()).payload === LARGE.toString())
        }
        await watcher.endAsync()
      })
    }

    it('from mosquitto_pub -q 1 with a file of 100 KB, 20 times, four at once', async () => {
      await using folder = await temporaryFolder()
      const watcher = await mqtt(at, device)
      const messages = messagesOf(watcher)
      await watcher.subscribeAsync('file/+', { qos: 1 })
      const contents = new Map(
        Array.from({ length: 20 }, (_, index) => {
          const topic = `file/${index}`
          return [topic, Buffer.alloc(100 * 1024, `${topic} `).toString()]
        }),
      )
      const failures: unknown[] = []
      await inParallel(4, [...contents], async ([topic, content]) => {
        const file = join(folder.path, topic.replace('/', '-'))
        await writeFile(file, content)
        const publish = ['mosquitto_pub', ...mosquittoArgs(at, device), '-q', '1', '-t', topic]
        const { code, stderr } = await run('timeout', ['10', ...publish, '-f', file])
        if (code !== 0) failures.push({ topic, code, stderr })
      })
      assert.deepEqual(failures, [])
      const arrived = new Map<string, string>()
      while (arrived.size < contents.size) {
        const { topic, payload } = await messages.next()
        arrived.set(topic, payload)
      }
      for (const [topic, content] of contents) assert.ok(arrived.get(topic) === content, topic)
      await watcher.endAsync()
    })
  })

async function inParallel<T>(
  width: number,
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items.values()
  const workers = Array.from({ length: width }, async () => {
    for (const item of waiting) await work(item)
  })
  await Promise.all(workers)
}
