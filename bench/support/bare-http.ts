// Measures Fastify without the gateway: node bare-http.ts DIRECTORY [FILE]
// It has only the gateway's TLS settings and its answers. With FILE it answers a publish after it has written the body to FILE and synced it.
// It listens on PORT of the environment, or a free port.
import { randomUUID } from 'node:crypto'
import { open } from 'node:fs/promises'
import Fastify from 'fastify'
import { announce, gatewayTls } from './bare-server.ts'

const [, file] = process.argv.slice(2)
const app = Fastify({
  http2: true,
  https: { ...gatewayTls(), allowHTTP1: true },
  genReqId: () => randomUUID(),
})
app.removeAllContentTypeParsers()
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
// a reading in each line
app.post('/topics', async (request, reply) => {
  const lines = String(request.body).split('\n')
  const readings = lines.map((line) => JSON.parse(line))
  reply.type('application/json').send(JSON.stringify({ accepted: readings.length, refused: [] }))
})
const store = file ? await createAppend(file) : null
app.post<{ Body: Buffer }>('/topics/*', async (request, reply) => {
  if (store) await store(request.body)
  return reply.type('application/json').send(JSON.stringify({ message: 'OK', traceId: request.id }))
})
// the same setting as in the gateway, missing in Fastify's types; otherwise idle connections are closed between their turns
Object.assign(app.server, { keepAliveTimeout: 72_000 })
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) })
announce(app.server)

/** Appends to a file. What comes while it is synced is written and synced together. */
async function createAppend(path: string): Promise<(bytes: Buffer) => Promise<void>> {
  const handle = await open(path, 'a')
  let waiting: Buffer[] = []
  let next: Promise<void> | null = null
  let last: Promise<void> = Promise.resolve()

  async function write(after: Promise<void>): Promise<void> {
    await after
    const group = waiting
    waiting = []
    next = null
    await handle.writev(group)
    await handle.datasync()
  }

  return (bytes) => {
    waiting.push(bytes)
    if (next === null) {
      next = write(last)
      last = next
    }
    return next
  }
}
