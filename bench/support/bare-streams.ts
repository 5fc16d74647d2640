// Measures event streams of Node.js itself: node bare-streams.ts DIRECTORY
// It has the gateway's TLS settings, and only writes one buffer per event to the sockets (HTTP/1.1) or streams (HTTP/2).
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { Writable } from 'node:stream'

const [directory = ''] = process.argv.slice(2)
const pki = join(directory, 'pki')
const own = join(pki, 'gateway.d.wott.local')
const ANSWER = JSON.stringify({ message: 'OK', traceId: '00000000-0000-4000-8000-000000000000' })
const HEADERS = { 'content-type': 'application/json', 'content-length': ANSWER.length }
const streams = new Set<Writable>()
let number = 0

const server = createSecureServer(
  {
    ca: readFileSync(join(own, 'ca.crt')),
    cert: readFileSync(join(own, 'client.crt')),
    key: readFileSync(join(own, 'client.key')),
    crl: readFileSync(join(pki, 'crl.pem')),
    minVersion: 'TLSv1.2',
    requestCert: true,
    rejectUnauthorized: true,
    allowHTTP1: true,
    settings: { maxConcurrentStreams: 250 },
  },
  (request, response) => {
    if (request.method === 'POST') {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.once('end', () => {
        response.writeHead(200, HEADERS).end(ANSWER)
        publish(Buffer.concat(chunks))
      })
      return
    }
    const isFirst = request.httpVersionMajor === 1
    if (isFirst) response.removeHeader('transfer-encoding')
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      ...(isFirst && { connection: 'close' }),
    })
    response.write('retry: 2000\n\n')
    const stream: Writable = isFirst ? response.socket : response.stream
    streams.add(stream)
    response.once('close', () => streams.delete(stream))
  },
)

function publish(payload: Buffer): void {
  number += 1
  const frame = Buffer.from(`id: 0123456789abcdef-${number}\ndata: ${payload}\n\n`)
  for (const stream of streams) stream.write(frame)
}

server.on('connection', (socket: Socket) => socket.setNoDelay(true))
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as { port: number }
process.stdout.write(`${JSON.stringify({ door: 'device', address: `127.0.0.1:${port}` })}\n`)
process.once('SIGTERM', () => process.exit())
