// Measures node:https without a framework: node bare-https.ts DIRECTORY
// It has the gateway's TLS settings and an answer of the same length.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { join } from 'node:path'

const [directory = ''] = process.argv.slice(2)
const pki = join(directory, 'pki')
const own = join(pki, 'gateway.d.wott.local')
const ANSWER = JSON.stringify({ message: 'OK', traceId: '00000000-0000-4000-8000-000000000000' })
const HEADERS = { 'content-type': 'application/json', 'content-length': ANSWER.length }
const server = createServer(
  {
    ca: readFileSync(join(own, 'ca.crt')),
    cert: readFileSync(join(own, 'client.crt')),
    key: readFileSync(join(own, 'client.key')),
    crl: readFileSync(join(pki, 'crl.pem')),
    minVersion: 'TLSv1.2',
    requestCert: true,
    rejectUnauthorized: true,
    noDelay: true,
    // the same setting as in the gateway; otherwise idle connections are closed between their turns
    keepAliveTimeout: 72_000,
  },
  (request, response) => {
    request.resume().once('end', () => response.writeHead(200, HEADERS).end(ANSWER))
  },
)
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as { port: number }
process.stdout.write(`${JSON.stringify({ door: 'device', address: `127.0.0.1:${port}` })}\n`)
process.once('SIGTERM', () => process.exit())
