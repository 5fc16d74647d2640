// Measures 1,000 readers of one topic, with and without one that stops reading: node bench/streams.ts [READERS] [SECONDS]
import { once } from 'node:events'
import { connect } from 'node:http2'
import { request } from 'node:https'
import { setTimeout } from 'node:timers/promises'
import { connectAsync } from 'mqtt'
import { cpuOf } from './support/child.ts'
import { createGround, type Ground } from './support/ground.ts'
import { createLineReader } from './support/lines.ts'
import { median, print } from './support/rounds.ts'
import { type Server, startServer } from './support/servers.ts'

const [readers = 1000, seconds = 4] = process.argv.slice(2).map(Number)
const CONNECTIONS = 10
const PAUSE_MS = 20
const ROUNDS = 3
/** After this long without an event, missing ones count as lost. */
const SILENCE_MS = 5000

interface Measured {
  readonly delivered: number
  readonly cpu: number
  readonly latencies: number[]
}

async function measure(ground: Ground, server: Server, stopped: boolean): Promise<Measured> {
  const { ca, certificate, key } = ground.reader
  const tls = { ca, cert: certificate, key }
  const sessions = Array.from({ length: CONNECTIONS }, () =>
    connect(`https://localhost:${server.httpsPort}`, tls),
  )
  const latencies: number[] = []
  let delivered = 0
  for (let n = 0; n < readers; n++) {
    const stream = sessions[n % CONNECTIONS]?.request({
      ':path': '/stream?filter=bench/t&format=raw',
    })
    if (!stream) throw new Error('no session')
    await once(stream, 'response')
    const read = createLineReader((line) => {
      if (!line.startsWith('data: ')) return
      delivered += 1
      latencies.push(performance.now() - Number(line.slice('data: '.length)))
    })
    stream.setEncoding('utf8').on('data', read)
  }
  if (stopped) {
    const sent = request({
      host: '127.0.0.1',
      port: server.httpsPort,
      path: '/stream?filter=big/%23',
      ...tls,
      agent: false,
      headers: { accept: 'text/event-stream' },
    }).end()
    sent.on('error', () => {})
    const [response] = await once(sent, 'response')
    response.pause()
  }
  const { certificate: cert, key: sensorKey } = ground.sensor
  const publisher = await connectAsync(`mqtts://localhost:${server.port}`, {
    ca,
    cert,
    key: sensorKey,
    clientId: 'bench',
  })
  const flood = Buffer.alloc(64 * 1024)
  const before = cpuOf(server.pid).busy
  const end = performance.now() + seconds * 1000
  let published = 0
  while (performance.now() < end) {
    await publisher.publishAsync('bench/t', String(performance.now()))
    await publisher.publishAsync('big/t', flood)
    published += 1
    await setTimeout(PAUSE_MS)
  }
  await allDelivered(() => delivered, published * readers)
  const cpu = cpuOf(server.pid).busy - before
  await publisher.endAsync()
  for (const session of sessions) session.destroy()
  return { delivered, cpu, latencies }
}

/** Waits for the expected number of events. Throws if none comes for five seconds. */
async function allDelivered(delivered: () => number, expected: number): Promise<void> {
  let seen = -1
  let since = performance.now()
  while (delivered() < expected) {
    if (delivered() !== seen) {
      seen = delivered()
      since = performance.now()
    } else if (performance.now() - since > SILENCE_MS)
      throw new Error(`${expected - seen} of ${expected} events never came`)
    await setTimeout(10)
  }
}

await using ground = await createGround()
const env = {
  WOTT_MAX_STREAMS: '100000',
  WOTT_MAX_STREAMS_PER_READER: '100000',
  WOTT_STREAM_BUFFER: '256KiB',
}
const all = { without: [] as Measured[], with: [] as Measured[] }
for (let round = 0; round < ROUNDS; round++)
  for (const name of ['without', 'with'] as const) {
    await using server = await startServer('gateway', ground, { env })
    all[name].push(await measure(ground, server, name === 'with'))
  }
for (const [name, rounds] of Object.entries(all)) {
  const sorted = rounds.flatMap(({ latencies }) => latencies).sort((a, b) => a - b)
  const quantile = (q: number) => sorted[Math.floor(q * (sorted.length - 1))]?.toFixed(1)
  const each = median(rounds.map(({ cpu, delivered }) => (cpu / delivered) * 1e6))
  print(
    `${readers} readers, ${name} one that stops reading: ${each.toFixed(1)} µs of CPU per delivery, ` +
      `latency p50 ${quantile(0.5)} p99 ${quantile(0.99)} longest ${quantile(1)} ms`,
  )
}
