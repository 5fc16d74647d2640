// The load generator of bench/handshakes.ts: it opens a connection, sends one POST and closes it, again and again.
import { once } from 'node:events'
import { type ConnectionOptions, connect, type SecureContext } from 'node:tls'
import { answerJobs, cpuOf } from './child.ts'
import { postRequest } from './http-connection.ts'
import { contextOf } from './peer.ts'

export interface HandshakeJob {
  readonly pid: number
  readonly httpsPort: number
  readonly path: string
  readonly sensorDirectory: string
  readonly resumed: boolean
  readonly seconds: number
}

export interface HandshakeMeasured {
  /** Connections per second, each with one answered POST. */
  readonly rate: number
  /** Microseconds of the server's CPU per connection. */
  readonly cost: number
  /** Share of the time that the server ran on its core. */
  readonly busy: number
}

const AT_ONCE = 16

answerJobs(async (job: HandshakeJob): Promise<HandshakeMeasured> => {
  const context = contextOf(job.sensorDirectory)
  const request = postRequest(job.path, Buffer.from('21.5'))
  const session = job.resumed ? await sessionOf(job, context, request) : undefined
  let done = 0
  const end = performance.now() + job.seconds * 1000
  async function keepConnecting(): Promise<void> {
    while (performance.now() < end) {
      const isReused = await post(job, { secureContext: context, session }, request)
      if (isReused !== job.resumed)
        throw new Error(job.resumed ? 'the session was not resumed' : 'a session was resumed')
      done += 1
    }
  }
  const before = { time: performance.now() / 1000, ...cpuOf(job.pid) }
  await Promise.all(Array.from({ length: AT_ONCE }, keepConnecting))
  const time = performance.now() / 1000 - before.time
  const busy = cpuOf(job.pid).busy - before.busy
  return { rate: done / time, cost: (busy / done) * 1e6, busy: busy / time }
})

/** Whether the session was resumed. */
async function post(
  { httpsPort }: HandshakeJob,
  options: ConnectionOptions,
  request: Buffer,
  onSession: (session: Buffer) => void = () => {},
): Promise<boolean> {
  const socket = connect({
    ...options,
    host: 'localhost',
    port: httpsPort,
    ALPNProtocols: ['http/1.1'],
  })
  socket.setNoDelay(true)
  socket.on('session', onSession)
  await once(socket, 'secureConnect')
  const isReused = socket.isSessionReused()
  socket.write(request)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  if (!answer.toString('latin1').startsWith('HTTP/1.1 200')) throw new Error(String(answer))
  socket.destroy()
  return isReused
}

async function sessionOf(
  job: HandshakeJob,
  secureContext: SecureContext,
  request: Buffer,
): Promise<Buffer> {
  let ticket: Buffer | undefined
  await post(job, { secureContext }, request, (session) => {
    ticket = session
  })
  if (!ticket) throw new Error('the server gives no session ticket')
  return ticket
}
