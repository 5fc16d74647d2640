// Measures an idle connection of Node.js with mutual TLS: node bare-tls.ts DIRECTORY
// It accepts all requests of an MQTT 3.1.1 client, and stores nothing.
import { createServer } from 'node:tls'
import { gatewayTls, serve } from './bare-server.ts'

const CONNECT = 1
const SUBSCRIBE = 8
const CONNACK = Buffer.from([0x20, 2, 0, 0])
const server = createServer(gatewayTls(), (socket) => {
  socket.on('error', () => {})
  socket.on('data', (packet: Buffer) => {
    const type = packet.readUInt8(0) >> 4
    if (type === CONNECT) socket.write(CONNACK)
    else if (type === SUBSCRIBE) socket.write(subackTo(packet))
  })
})

/** The SUBACK for one filter with QoS 1; works for packets of fewer than 128 bytes. */
function subackTo(subscribe: Buffer): Buffer {
  return Buffer.from([0x90, 3, subscribe.readUInt8(2), subscribe.readUInt8(3), 1])
}

await serve(server, ['mqtt', 'device'])
