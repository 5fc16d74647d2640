// Measures event streams of Node.js itself: node bare-streams.ts DIRECTORY
// It has the gateway's TLS settings, and only writes one buffer per event to the sockets (HTTP/1.1) or streams (HTTP/2).
import { createSecureServer } from 'node:http2'
import type { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { ANSWER, ANSWER_HEADERS, gatewayTls, serve } from './bare-server.ts'

const streams = new Set<Writable>()
let number = 0

const server = createSecureServer(
  {
    ...gatewayTls(),
    allowHTTP1: true,
    settings: { maxConcurrentStreams: 250 },
  },
  (request, response) => {
    if (request.method === 'POST') {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.once('end', () => {
        response.writeHead(200, ANSWER_HEADERS).end(ANSWER)
        if (request.url === '/topics/bench/t') publish(Buffer.concat(chunks))
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

// the same setting as in the gateway; otherwise idle connections are closed between their turns
Object.assign(server, { keepAliveTimeout: 72_000 })
server.on('connection', (socket: Socket) => socket.setNoDelay(true))
await serve(server)
