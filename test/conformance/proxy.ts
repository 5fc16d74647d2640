import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { connect } from 'node:tls'
import type { Credentials } from '../support/pki.ts'

export interface Proxy extends AsyncDisposable {
  readonly port: number
}

/** A loopback port for plain TCP; each connection goes on to `port` over TLS with the device's certificate. */
export async function openProxy(port: number, device: Credentials): Promise<Proxy> {
  const dial = () =>
    connect({
      host: '127.0.0.1',
      servername: 'localhost',
      port,
      ca: device.ca,
      cert: device.certificate,
      key: device.key,
    })
      .setNoDelay(true)
      .on('error', () => {})
  // the suites wait 0.3 seconds for a CONNACK, too short for a handshake on a busy machine
  let ready = dial()
  await once(ready, 'secureConnect')

  const connections = new Set<Socket>()
  const server = createServer((plain) => {
    const secured = ready.closed ? dial() : ready
    ready = dial()
    connections.add(plain)
    plain.setNoDelay(true)
    plain.pipe(secured).pipe(plain)
    secured.on('close', () => {
      // the client may still be sending; a reset would keep it from reading the server's last packet
      plain.end()
      plain.resume()
    })
    plain
      .on('error', () => {})
      .on('close', () => {
        connections.delete(plain)
        secured.destroySoon()
      })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address() as { port: number }

  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      server.close()
      for (const plain of connections) plain.destroy()
      ready.destroy()
      await once(server, 'close')
    },
  }
}
