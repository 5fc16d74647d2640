import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Server } from 'node:net'
import { join } from 'node:path'

/** The body of an answer to a publish, as long as the gateway's. */
export const ANSWER = JSON.stringify({
  message: 'OK',
  traceId: '00000000-0000-4000-8000-000000000000',
})
export const ANSWER_HEADERS = {
  'content-type': 'application/json',
  'content-length': ANSWER.length,
}

/** The gateway's TLS settings, with the certificates in the directory that the program is started with. */
export function gatewayTls() {
  const [directory = ''] = process.argv.slice(2)
  const pki = join(directory, 'pki')
  const own = join(pki, 'gateway.d.wott.local')
  return {
    ca: readFileSync(join(own, 'ca.crt')),
    cert: readFileSync(join(own, 'client.crt')),
    key: readFileSync(join(own, 'client.key')),
    crl: readFileSync(join(pki, 'crl.pem')),
    minVersion: 'TLSv1.2',
    requestCert: true,
    rejectUnauthorized: true,
    noDelay: true,
  } as const
}

/** Listens on a free port, prints it as the address of each door, and ends at SIGTERM. */
export async function serve(server: Server, doors: readonly string[] = ['device']): Promise<void> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  announce(server, doors)
}

/** The same for a server that listens already. */
export function announce(server: Server, doors: readonly string[] = ['device']): void {
  const { port } = server.address() as { port: number }
  for (const door of doors)
    process.stdout.write(`${JSON.stringify({ door, address: `127.0.0.1:${port}` })}\n`)
  process.once('SIGTERM', () => process.exit())
}
