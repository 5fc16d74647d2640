// Measures an idle connection of Node.js with mutual TLS: node bare-tls.ts DIRECTORY
// It accepts all requests of an MQTT 3.1.1 client, and stores nothing.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createServer } from 'node:tls'

const [directory = ''] = process.argv.slice(2)
const own = join(directory, 'pki', 'gateway.d.wott.local')
const CONNECT = 1
const SUBSCRIBE = 8
const CONNACK = Buffer.from([0x20, 2, 0, 0])
const server = createServer(
  {
    ca: readFileSync(join(own, 'ca.crt')),
    cert: readFileSync(join(own, 'client.crt')),
    key: readFileSync(join(own, 'client.key')),
    minVersion: 'TLSv1.2',
    requestCert: true,
    rejectUnauthorized: true,
    noDelay: true,
  },
  (socket) => {
    socket.on('error', () => {})
    socket.on('data', (packet: Buffer) => {
      const type = packet.readUInt8(0) >> 4
      if (type === CONNECT) socket.write(CONNACK)
      else if (type === SUBSCRIBE) socket.write(subackTo(packet))
    })
  },
)

/** The SUBACK for one filter with QoS 1; works for packets of fewer than 128 bytes. */
function subackTo(subscribe: Buffer): Buffer {
  return Buffer.from([0x90, 3, subscribe.readUInt8(2), subscribe.readUInt8(3), 1])
}

server.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as { port: number }
for (const door of ['mqtt', 'device'])
  process.stdout.write(`${JSON.stringify({ door, address: `127.0.0.1:${port}` })}\n`)
process.once('SIGTERM', () => process.exit())
