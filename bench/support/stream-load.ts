// The load generator of bench/fan-out.ts: streams of one topic, and one publisher.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { answerJobs, cpuOf } from './child.ts'
import { connectHttp, postRequest } from './http-connection.ts'
import { contextOf } from './peer.ts'

export interface StreamTarget {
  readonly pid: number
  readonly httpsPort: number
  /** Follows the topic. */
  readonly streamPath: string
  /** Publishes to it. */
  readonly postPath: string
  /** Publishes to a topic that nobody reads. */
  readonly unreadPath: string
  readonly sensorDirectory: string
  readonly readerDirectory: string
}

export type StreamJob =
  | {
      readonly kind: 'open'
      readonly target: StreamTarget
      readonly version: 1 | 2
      readonly count: number
    }
  /** Posts to the topic that nobody reads, and then events, until the code of the server is optimized. */
  | { readonly kind: 'warm'; readonly posts: number; readonly events: number }
  | { readonly kind: 'publish'; readonly events: number }
  | { readonly kind: 'close' }

export interface StreamMeasured {
  /** Microseconds of the server's CPU per POST that nobody reads. */
  readonly post: number
  /** Microseconds of the server's CPU per event and reader, besides the POST itself. */
  readonly cost: number
  /** Milliseconds from the publish until the last reader has it. */
  readonly p50: number
  readonly p99: number
  /** Missing events of all readers. */
  readonly lost: number
}

/** In how many parts POSTs without and with readers take turns, at least. */
const PARTS = 20
/** Events of a part, at most: the CPU of a POST changes within seconds, and the cost of an event is a difference. */
const MOST_EACH_PART = 50
/** POSTs before the measured ones: the server finishes the handshake of the publisher after the client does. */
const SETTLING = 50
/** With more streams, the load generator is busy anyway while the server works. */
const MOST_STREAMS_AWAKE = 10
/** Milliseconds before each POST, so that it finds the server idle after an event as well as after another POST. */
const GAP_MS = 0.15
const STREAMS_EACH_SESSION = 100
const AT_ONCE = 32
const SILENCE_MS = 5_000

let target: StreamTarget
let opened = 0
let received = 0
let whenAll: (() => void) | null = null
let wanted = 0
let isClosing = false
let closers: (() => void)[] = []
/** The last event, and its number. */
let event = Buffer.from('\n')
let number = 0

answerJobs(async (job: StreamJob): Promise<StreamMeasured | null> => {
  switch (job.kind) {
    case 'open':
      isClosing = false
      target = job.target
      await (job.version === 1 ? openHttp1(job.count) : openHttp2(job.count))
      opened += job.count
      return null
    case 'warm':
      await warm(job.posts)
      await publish(job.events)
      return null
    case 'publish':
      return publish(job.events)
    case 'close':
      isClosing = true
      for (const close of closers) close()
      closers = []
      opened = 0
      return null
  }
})

/** A stream that ends while it should be open makes every figure wrong. */
function ended(): void {
  if (isClosing) return
  process.stderr.write('the server ended a stream\n')
  process.exit(1)
}

/** Counts the last event, also if it is split over two chunks. */
function createCounter(): (chunk: Buffer) => void {
  let tail = Buffer.alloc(0)
  return (chunk) => {
    const bytes = tail.length === 0 ? chunk : Buffer.concat([tail, chunk])
    let found = bytes.indexOf(event)
    let after = 0
    while (found !== -1) {
      count()
      after = found + event.length
      found = bytes.indexOf(event, after)
    }
    tail = Buffer.from(bytes.subarray(Math.max(after, bytes.length - event.length + 1)))
  }
}

function count(): void {
  received += 1
  if (received === wanted) whenAll?.()
}

async function eachAtOnce(times: number, open: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  async function openNext(): Promise<void> {
    while (next < times) {
      next += 1
      await open(next - 1)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, openNext))
}

async function openHttp1(streams: number): Promise<void> {
  const secureContext = contextOf(target.readerDirectory)
  const head = `GET ${target.streamPath} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n`
  await eachAtOnce(streams, async () => {
    const socket = connectTls({
      host: 'localhost',
      port: target.httpsPort,
      secureContext,
      ALPNProtocols: ['http/1.1'],
    })
    await once(socket, 'secureConnect')
    socket.write(head)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    if (!answer.toString('latin1').startsWith('HTTP/1.1 200')) throw new Error(String(answer))
    socket
      .on('data', createCounter())
      .on('error', () => {})
      .once('close', ended)
    closers.push(() => socket.destroy())
  })
}

async function openHttp2(streams: number): Promise<void> {
  const read = (name: string) => readFileSync(join(target.readerDirectory, name))
  const tls = { ca: read('ca.crt'), cert: read('client.crt'), key: read('client.key') }
  const sessions = Array.from({ length: Math.ceil(streams / STREAMS_EACH_SESSION) }, () =>
    connectHttp2(`https://localhost:${target.httpsPort}`, tls),
  )
  closers.push(...sessions.map((session) => () => session.destroy()))
  await eachAtOnce(streams, async (index) => {
    const session = sessions[Math.floor(index / STREAMS_EACH_SESSION)]
    if (!session) throw new Error('no session')
    const stream = session.request({ ':path': target.streamPath, accept: 'text/event-stream' })
    stream.on('error', () => {})
    const [headers] = await once(stream, 'response')
    if (headers[':status'] !== 200) throw new Error(`a stream was answered ${headers[':status']}`)
    stream.on('data', createCounter()).once('close', ended)
  })
}

type Publisher = Awaited<ReturnType<typeof connectHttp>>

async function warm(posts: number): Promise<void> {
  const publisher = await connectHttp(target.httpsPort, contextOf(target.sensorDirectory))
  for (let n = 0; n < posts; n++) await send(publisher, target.unreadPath)
  publisher.close()
}

async function publish(events: number): Promise<StreamMeasured> {
  using _awake = opened <= MOST_STREAMS_AWAKE ? stayAwake() : null
  const publisher = await connectHttp(target.httpsPort, contextOf(target.sensorDirectory))
  const took: number[] = []
  let lost = 0

  async function unread(): Promise<void> {
    number += 1
    pause(GAP_MS)
    await send(publisher, target.unreadPath)
  }

  async function read(): Promise<void> {
    received = 0
    wanted = opened
    number += 1
    event = Buffer.from(`\ndata: ${number}\n`)
    const all = Promise.withResolvers<boolean>()
    whenAll = () => all.resolve(true)
    pause(GAP_MS)
    const started = performance.now()
    await send(publisher, target.postPath)
    const giveUp = new AbortController()
    const silence = setTimeout(SILENCE_MS, false, { signal: giveUp.signal }).catch(() => false)
    if (await Promise.race([all.promise, silence])) took.push(performance.now() - started)
    else lost += opened - received
    giveUp.abort()
    // answered once the server has completed the writes of the event, which would otherwise count as work of the next POST
    await unread()
  }

  for (let n = 0; n < SETTLING; n++) await unread()
  // in turn, so that both meet the same noise: their difference can be much smaller than they are
  const parts = Math.min(events, Math.max(PARTS, Math.ceil(events / MOST_EACH_PART)))
  const cpu = { unread: 0, read: 0 }
  for (let part = 0; part < parts; part++) {
    const times = Math.ceil(((part + 1) * events) / parts) - Math.ceil((part * events) / parts)
    cpu.unread += await cpuOfAll(times, unread)
    cpu.read += await cpuOfAll(times, read)
  }
  const post = cpu.unread / events
  // each event is followed by one more POST that nobody reads
  const delivery = cpu.read / events - 2 * post
  publisher.close()
  took.sort((a, b) => a - b)
  const quantile = (part: number) => took[Math.floor((took.length - 1) * part)] ?? Number.NaN
  return { post, cost: delivery / opened, p50: quantile(0.5), p99: quantile(0.99), lost }
}

/**
 * Keeps this process from sleeping: waking it would count as CPU of the server's write. An event and the answer to its POST may
 * wake it once or twice.
 */
function stayAwake(): Disposable {
  let isOver = false

  function turn(): void {
    if (!isOver) setImmediate(turn)
  }

  turn()
  return {
    [Symbol.dispose]() {
      isOver = true
    },
  }
}

/** Waits without sleeping. */
function pause(ms: number): void {
  const until = performance.now() + ms
  let now = 0
  do now = performance.now()
  while (now < until)
}

/** Microseconds of the server's CPU for all calls. */
async function cpuOfAll(times: number, act: () => Promise<void>): Promise<number> {
  const before = cpuOf(target.pid).busy
  for (let n = 0; n < times; n++) await act()
  return (cpuOf(target.pid).busy - before) * 1e6
}

/** Posts the number; resolves when it is answered. */
async function send(publisher: Publisher, path: string): Promise<void> {
  const answered = Promise.withResolvers<number>()
  publisher.send(postRequest(path, Buffer.from(String(number))), answered.resolve)
  const status = await answered.promise
  if (status >= 300) throw new Error(`answered with ${status}`)
}
