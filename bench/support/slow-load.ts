// The clients of the slow subscriber test, all in one process.
import { setTimeout } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import mqttPacket from 'mqtt-packet'
import { answerJobs } from './child.ts'
import { createFrameReader } from './frames.ts'
import { connectHttp, type HttpConnection, postRequest } from './http-connection.ts'
import { connectPeer, connectPeers, contextOf } from './peer.ts'

export interface SlowJob {
  readonly port: number
  readonly httpsPort: number
  readonly sensorDirectory: string
  readonly readerDirectory: string
  /** Connections that publish to big/#. */
  readonly publishers: number
  readonly over: 'mqtt' | 'http'
  /** The behaviour of the slow subscriber: it reads normally, it stops, or it reads a little now and then. */
  readonly reads: 'reads' | 'stops' | 'trickles'
  readonly seconds: number
}

/** In milliseconds. */
export interface SlowResult {
  /** The longest time without a message for a healthy subscriber of big/#. */
  readonly bigGap: number
  /** The same for a subscriber of the other topic, which the slow subscriber does not read. */
  readonly otherGap: number
  /** The slowest answer to an HTTP publish to the other topic; 0 without HTTP. */
  readonly slowestAnswer: number
  /** Share of the messages to big/# that the healthy subscriber received. */
  readonly bigDelivered: number
  /** The longest delay of this process itself, which the broker does not cause. */
  readonly ownLag: number
}

const BIG_BYTES = 2048
const BIG_RATE = 2000
const OTHER_RATE = 100
const TICK_MS = 5
const TRICKLE_MS = 1000
const OTHER_CONNECTIONS = 16
const WARM_SECONDS = 2

interface Gaps {
  longest(): number
  /** Starts again from zero. */
  reset(): void
  readonly count: number
}

/** Publishes one more message; returns whether that was possible. */
type Send = () => boolean

answerJobs(async (job: SlowJob): Promise<SlowResult> => {
  const reader = contextOf(job.readerDirectory)
  const subscribe = (clientId: string, topic: string) =>
    connectPeer({ port: job.port, context: reader, clientId, subscribe: { topic, qos: 0 } })
  const big = countGaps(await subscribe('healthy', 'big/#'))
  const other = countGaps(await subscribe('other', 'other/#'))
  const slow = await subscribe('slow', 'big/#')
  slow.on('error', () => {})
  const [sendBig, sendOther, slowestAnswer] =
    job.over === 'mqtt' ? await publishOverMqtt(job) : await publishOverHttp(job)

  /** Publishes at the two rates for some seconds. Returns the longest delay of this process. */
  async function publishFor(seconds: number): Promise<number> {
    const started = performance.now()
    let lastTick = started
    let ownLag = 0
    let bigSent = 0
    let otherSent = 0
    const ticking = setInterval(() => {
      const now = performance.now()
      ownLag = Math.max(ownLag, now - lastTick - TICK_MS)
      lastTick = now
      const passed = (now - started) / 1000
      // late messages are not all sent at once
      for (let due = dueNow(passed, BIG_RATE, bigSent); due > 0 && sendBig(); due--) bigSent += 1
      for (let due = dueNow(passed, OTHER_RATE, otherSent); due > 0 && sendOther(); due--)
        otherSent += 1
    }, TICK_MS)
    await setTimeout(seconds * 1000)
    clearInterval(ticking)
    return ownLag
  }

  slow.resume()
  // warms up the JIT; not counted
  await publishFor(WARM_SECONDS)
  for (const { reset } of [big, other]) reset()
  slowestAnswer()
  if (job.reads !== 'reads') slow.pause()
  const trickling = setInterval(() => {
    if (job.reads === 'trickles') readALittle(slow)
  }, TRICKLE_MS)
  const ownLag = await publishFor(job.seconds)
  clearInterval(trickling)
  return {
    bigGap: big.longest(),
    otherGap: other.longest(),
    slowestAnswer: slowestAnswer(),
    bigDelivered: big.count / (BIG_RATE * job.seconds),
    ownLag,
  }
})

function dueNow(seconds: number, rate: number, sent: number): number {
  return Math.min(Math.floor(seconds * rate) - sent, rate / 20)
}

function countGaps(socket: TLSSocket): Gaps {
  let last = 0
  let longest = 0
  let count = 0
  const heard = () => {
    const now = performance.now()
    if (last > 0) longest = Math.max(longest, now - last)
    last = now
  }
  const onPublish = () => {
    count += 1
    heard()
  }
  socket.on('data', createFrameReader({ onPublish, onPuback() {} }))
  socket.on('error', () => {})
  return {
    longest() {
      heard()
      return longest
    },
    reset() {
      longest = 0
      count = 0
      last = performance.now()
    },
    get count() {
      return count
    },
  }
}

function readALittle(socket: TLSSocket): void {
  socket.once('data', () => socket.pause())
  socket.resume()
}

type Publishing = [big: Send, other: Send, slowestAnswer: () => number]

async function publishOverMqtt(job: SlowJob): Promise<Publishing> {
  const context = contextOf(job.sensorDirectory)
  const sockets = await connectPeers(job.publishers + 1, (n) => ({
    port: job.port,
    context,
    clientId: `publisher-${n}`,
  }))
  for (const socket of sockets) socket.on('error', () => {}).resume()
  const other = sockets.pop() as TLSSocket
  const bigPacket = publishPacket('big/value', BIG_BYTES)
  const otherPacket = publishPacket('other/value', 100)
  let turn = 0
  return [
    () => {
      // a publisher waits if the broker does not read from it; the others continue
      for (let tried = 0; tried < sockets.length; tried++) {
        turn = (turn + 1) % sockets.length
        const socket = sockets[turn] as TLSSocket
        if (socket.writableNeedDrain) continue
        socket.write(bigPacket)
        return true
      }
      return false
    },
    () => {
      other.write(otherPacket)
      return true
    },
    () => 0,
  ]
}

function publishPacket(topic: string, bytes: number): Buffer {
  return mqttPacket.generate({
    cmd: 'publish',
    topic,
    payload: Buffer.alloc(bytes, 'x'),
    qos: 0,
    retain: false,
    dup: false,
  })
}

async function publishOverHttp(job: SlowJob): Promise<Publishing> {
  const context = contextOf(job.sensorDirectory)
  const connectMany = (count: number) =>
    Promise.all(Array.from({ length: count }, () => connectHttp(job.httpsPort, context)))
  const forBig = await connectMany(job.publishers)
  const forOther = await connectMany(OTHER_CONNECTIONS)
  const big = poolOf(forBig, postRequest('/topics/big/value', Buffer.alloc(BIG_BYTES, 'x')))
  const other = poolOf(forOther, postRequest('/topics/other/value', Buffer.alloc(100, 'x')))
  return [big.send, other.send, other.slowest]
}

/** Sends the same request again and again, on any connection that has its answer. */
function poolOf(connections: readonly HttpConnection[], request: Buffer) {
  const free = [...connections]
  const underway = new Set<number>()
  let slowest = 0
  return {
    send(): boolean {
      const connection = free.pop()
      if (!connection) return false
      // a unique key, also for two requests that start at the same time
      const started = performance.now() + underway.size * 1e-6
      underway.add(started)
      connection.send(request, (status) => {
        if (status !== 200) throw new Error(`answered with ${status}`)
        underway.delete(started)
        slowest = Math.max(slowest, performance.now() - started)
        free.push(connection)
      })
      return true
    },
    /** Milliseconds since the last call. */
    slowest() {
      const longest = Math.max(slowest, ...[...underway].map((since) => performance.now() - since))
      slowest = 0
      return longest
    },
  }
}
