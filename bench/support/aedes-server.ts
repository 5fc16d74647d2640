// Stock aedes behind TLS: node aedes-server.ts DIRECTORY [ACL_FILE]
// It has default options, except noDelay: without that, Nagle's algorithm limits QoS 1 to 85 messages per second, which is too
// slow for a comparison.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createHttpsServer } from 'node:https'
import { join } from 'node:path'
import { createServer, type TLSSocket } from 'node:tls'
import { Aedes, type AedesOptions, type Client } from 'aedes'
import { type Access, createAccess } from '../../src/acl/access.ts'
import { parseAcl } from '../../src/acl/parse.ts'

const [directory = '', aclFile] = process.argv.slice(2)
const pki = join(directory, 'pki')
const own = join(pki, 'gateway.d.wott.local')
const context = {
  ca: readFileSync(join(own, 'ca.crt')),
  cert: readFileSync(join(own, 'client.crt')),
  key: readFileSync(join(own, 'client.key')),
  crl: readFileSync(join(pki, 'crl.pem')),
  requestCert: true,
  rejectUnauthorized: true,
  noDelay: true,
}

const ANSWER = '{"message":"OK"}'
const aedes = await Aedes.createBroker(aclFile === undefined ? {} : obeying(aclFile))
const mqtt = createServer(context, aedes.handle)
// also publishes messages that come over HTTP, as the gateway does
const https = createHttpsServer(context, async (request, response) => {
  const url = new URL(request.url ?? '/', 'https://localhost')
  const packet = {
    cmd: 'publish' as const,
    topic: url.pathname.slice('/topics/'.length),
    payload: Buffer.concat(await Array.fromAsync(request)),
    qos: url.searchParams.get('qos') === '1' ? (1 as const) : (0 as const),
    retain: false,
    dup: false,
  }
  aedes.publish(packet, (error) => {
    response.writeHead(error ? 503 : 200, {
      'content-type': 'application/json',
      'content-length': ANSWER.length,
    })
    response.end(ANSWER)
  })
})

for (const [door, server] of [
  ['mqtt', mqtt],
  ['device', https],
] as const) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  process.stdout.write(`${JSON.stringify({ door, address: `127.0.0.1:${port}` })}\n`)
}
process.once('SIGTERM', () => process.exit())

/** Uses only the gateway's ACL decisions, in the hooks of aedes. */
function obeying(file: string): AedesOptions {
  const parsed = parseAcl(readFileSync(file))
  if (!parsed.ok) throw new Error(`${file} has errors`)
  const source = { current: parsed.rules }
  const accesses = new WeakMap<Client, Access>()
  return {
    authenticate(client, _username, _password, done) {
      const user = String((client.conn as TLSSocket).getPeerCertificate().subject.CN)
      accesses.set(client, createAccess(source, { user, clientId: client.id }))
      done(null, true)
    },
    authorizePublish(client, packet, done) {
      const allowed = client !== null && accesses.get(client)?.mayPublish(packet.topic)
      done(allowed ? null : new Error('denied'))
    },
    authorizeForward: (client, packet) =>
      accesses.get(client)?.mayReceive(packet.topic) ? packet : null,
  }
}
