// The load generator of bench/broker.ts, one process for each broker.
import { setTimeout } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { answerJobs, cpuOf } from './child.ts'
import { createFrameReader } from './frames.ts'
import { connectPeers, contextOf } from './peer.ts'

export interface Scenario {
  readonly name: string
  /** 4 is MQTT 3.1.1. */
  readonly version: 4 | 5
  readonly publishers: number
  readonly subscribers: number
  readonly qos: 0 | 1
  /** Messages that one publisher may have in flight; with QoS 1, unacknowledged ones. */
  readonly window: number
  /** Messages in one write. */
  readonly batch: number
  /** User properties of each message. */
  readonly userProperties?: number
  /** Whether the subscribers share one subscription: each message goes to one of them. */
  readonly isShared?: boolean
  /** Whether messages use a topic alias, except the first one of each write. */
  readonly usesAlias?: boolean
}

export interface Target {
  readonly pid: number
  readonly port: number
  readonly sensorDirectory: string
  readonly readerDirectory: string
}

export type BrokerJob =
  | { readonly kind: 'open'; readonly target: Target; readonly scenario: Scenario }
  | { readonly kind: 'run'; readonly seconds: number }

export interface Measured {
  /** Messages per second that subscribers received. */
  readonly rate: number
  /** Microseconds of the broker's CPU per message received. */
  readonly cost: number
  /** Share of the time that the broker ran on its core, and that it waited while another program ran there. */
  readonly busy: number
  readonly waited: number
  /** Share of the time that this process ran on its core. */
  readonly loadBusy: number
  /** Messages that never came, and messages that came twice. */
  readonly lost: number
  readonly extra: number
}

const PAYLOAD_BYTES = 100
const WARM_MS = 200
/** After this long without an event, missing ones count as lost. */
const SILENCE_MS = 5000

interface Publisher {
  readonly socket: TLSSocket
  /** Writes that repeat. With QoS 1 they have more messages than the window, so that no identifier is in use twice. */
  readonly writes: readonly Buffer[]
  next: number
  sent: number
  acknowledged: number
  delivered: number
}

const publishers: Publisher[] = []
let scenario: Scenario
/** Number of subscribers that receive each message. */
let copies = 1
let pid = 0
let delivered = 0
let running = false
let pumping = false

answerJobs(async (job: BrokerJob): Promise<Measured | null> => {
  if (job.kind === 'run') return run(job.seconds)
  await open(job.target, job.scenario)
  return null
})

async function open(target: Target, wanted: Scenario): Promise<void> {
  scenario = wanted
  pid = target.pid
  const { port } = target
  const { version, qos, subscribers, isShared, publishers: count } = scenario
  copies = isShared ? 1 : subscribers
  const filter = count === 1 ? topicOf(0) : 'bench/+/value'
  const topic = isShared ? `$share/bench/${filter}` : filter
  const reader = contextOf(target.readerDirectory)
  const sensor = contextOf(target.sensorDirectory)
  const readers = await connectPeers(subscribers, (n) => ({
    port,
    context: reader,
    version,
    clientId: `reader-${n}`,
    subscribe: { topic, qos },
  }))
  for (const socket of readers) listen(socket)
  const sensors = await connectPeers(count, (n) => ({
    port,
    context: sensor,
    version,
    clientId: `sensor-${n}`,
  }))
  for (const [index, socket] of sensors.entries()) {
    const publisher: Publisher = {
      socket,
      writes: writesOf(index),
      next: 0,
      sent: 0,
      acknowledged: 0,
      delivered: 0,
    }
    publishers.push(publisher)
    const onPuback = () => void publisher.acknowledged++
    const read = createFrameReader({ onPublish() {}, onPuback })
    socket.on('data', (chunk: Buffer) => {
      read(chunk)
      pumpSoon()
    })
    socket.on('drain', pumpSoon)
    dieWith(socket)
  }
}

function topicOf(publisher: number): string {
  return `bench/sensor-${publisher}/value`
}

function writesOf(publisher: number): Buffer[] {
  const { version, qos, window, batch, usesAlias = false } = scenario
  const payload = Buffer.alloc(PAYLOAD_BYTES, 'x')
  payload.writeUInt16BE(publisher)
  const count = qos === 0 ? 1 : Math.ceil((window * 2) / batch)
  return Array.from({ length: count }, (_, write) =>
    Buffer.concat(
      Array.from({ length: batch }, (_, n) => {
        const packet: Packet = {
          cmd: 'publish',
          topic: usesAlias && n > 0 ? '' : topicOf(publisher),
          payload,
          qos,
          retain: false,
          dup: false,
          messageId: write * batch + n + 1,
          properties: propertiesOf(scenario),
        }
        return mqttPacket.generate(packet, { protocolVersion: version })
      }),
    ),
  )
}

function propertiesOf({ userProperties = 0, usesAlias = false }: Scenario) {
  const named = Array.from({ length: userProperties }, (_, n) => [`name-${n}`, `value-${n}`])
  return {
    ...(userProperties > 0 && { userProperties: Object.fromEntries(named) }),
    ...(usesAlias && { topicAlias: 1 }),
  }
}

function listen(socket: TLSSocket): void {
  // sends the PUBACKs for one chunk together
  let acks = Buffer.alloc(4 * 1024)
  let used = 0
  function onPublish(bytes: Buffer, payload: number, _end: number, id: number): void {
    delivered += 1
    const publisher = publishers[bytes.readUInt16BE(payload)]
    if (publisher) publisher.delivered += 1
    if (id === 0) return
    if (used === acks.length) acks = Buffer.concat([acks, Buffer.alloc(acks.length)])
    acks.writeUInt32BE(0x40020000 + id, used)
    used += 4
  }
  const read = createFrameReader({ onPublish, onPuback() {} }, scenario.version)
  socket.on('data', (chunk: Buffer) => {
    read(chunk)
    if (used > 0) {
      socket.write(Buffer.from(acks.subarray(0, used)))
      used = 0
    }
    pumpSoon()
  })
  dieWith(socket)
}

function dieWith(socket: TLSSocket): void {
  socket.on('error', () => {})
  socket.once('close', () => {
    process.stderr.write('the server closed a connection\n')
    process.exit(1)
  })
}

function pumpSoon(): void {
  if (pumping || !running) return
  pumping = true
  setImmediate(pump)
}

function pump(): void {
  pumping = false
  if (!running) return
  const { qos, window, batch } = scenario
  for (const publisher of publishers) {
    const { socket, writes } = publisher
    for (;;) {
      const underway = publisher.sent - publisher.delivered / copies
      if (underway + batch > window) break
      if (qos === 1 && publisher.sent - publisher.acknowledged + batch > window) break
      if (socket.writableNeedDrain) break
      socket.write(writes[publisher.next] as Buffer)
      publisher.next = (publisher.next + 1) % writes.length
      publisher.sent += batch
    }
  }
}

async function run(seconds: number): Promise<Measured> {
  running = true
  pump()
  await setTimeout(WARM_MS)
  const before = reading()
  await setTimeout(seconds * 1000)
  const after = reading()
  running = false
  await settled()

  let lost = 0
  let extra = 0
  for (const publisher of publishers) {
    const missing = publisher.sent * copies - publisher.delivered
    if (missing > 0) lost += missing
    else extra -= missing
    Object.assign(publisher, { sent: 0, acknowledged: 0, delivered: 0 })
  }
  const time = after.time - before.time
  const count = after.delivered - before.delivered
  const busy = after.server.busy - before.server.busy
  return {
    lost,
    extra,
    rate: count / time,
    cost: (busy / count) * 1e6,
    busy: busy / time,
    waited: (after.server.waited - before.server.waited) / time,
    loadBusy: (after.load.busy - before.load.busy) / time,
  }
}

function reading() {
  return {
    time: performance.now() / 1000,
    delivered,
    server: cpuOf(pid),
    load: cpuOf(process.pid),
  }
}

/** Waits until all messages have come, or no more come. */
async function settled(): Promise<void> {
  const isDone = ({ sent, acknowledged, delivered }: Publisher) =>
    delivered >= sent * copies && (scenario.qos === 0 || acknowledged >= sent)
  let seen = delivered
  let quietSince = performance.now()
  while (!publishers.every(isDone)) {
    await setTimeout(5)
    if (delivered !== seen) quietSince = performance.now()
    else if (performance.now() - quietSince > SILENCE_MS) return
    seen = delivered
  }
}
