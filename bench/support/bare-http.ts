// Measures Fastify without the gateway: node bare-http.ts DIRECTORY
// It has only the gateway's TLS settings and its answer.
import { randomUUID } from 'node:crypto'
import Fastify from 'fastify'
import { announce, gatewayTls } from './bare-server.ts'

const app = Fastify({
  http2: true,
  https: { ...gatewayTls(), allowHTTP1: true },
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
announce(app.server)
