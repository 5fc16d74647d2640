// Measures Fastify without the gateway: node bare-http.ts DIRECTORY
// It has only the gateway's TLS settings and its answer.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Fastify from 'fastify'

const [directory = ''] = process.argv.slice(2)
const pki = join(directory, 'pki')
const own = join(pki, 'gateway.d.wott.local')
const app = Fastify({
  http2: true,
  https: {
    ca: readFileSync(join(own, 'ca.crt')),
    cert: readFileSync(join(own, 'client.crt')),
    key: readFileSync(join(own, 'client.key')),
    crl: readFileSync(join(pki, 'crl.pem')),
    minVersion: 'TLSv1.2' as const,
    allowHTTP1: true,
    requestCert: true,
    rejectUnauthorized: true,
    noDelay: true,
  },
  genReqId: () => randomUUID(),
})
app.removeAllContentTypeParsers()
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
app.post('/topics/*', async (request, reply) =>
  reply.type('application/json').send(JSON.stringify({ message: 'OK', traceId: request.id })),
)
// the same setting as in the gateway, missing in Fastify's types; otherwise idle connections are closed between their turns
Object.assign(app.server, { keepAliveTimeout: 72_000 })
await app.listen({ host: '127.0.0.1', port: 0 })
const { port } = app.server.address() as { port: number }
process.stdout.write(`${JSON.stringify({ door: 'device', address: `127.0.0.1:${port}` })}\n`)
process.once('SIGTERM', () => process.exit())
