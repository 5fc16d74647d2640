import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { http1, http2, http2Session } from '../../support/clients.ts'
import type { Visitor } from '../visits.ts'

/** Publishes, is refused, reads, and clears the retained message, each on a new connection. */
export async function http1Visit({ site, device, root }: Visitor): Promise<void> {
  const ask = async (status: number, path: string, body?: string) => {
    const method = body === undefined ? 'GET' : 'POST'
    const headers = path === '/topics' ? { 'content-type': 'application/x-ndjson' } : {}
    const answer = await http1(site, device, {
      path,
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    })
    assert.equal(answer.status, status, answer.text)
  }
  const lines = [1, 2, 3].map((payload) => JSON.stringify({ topic: `${root}/many`, payload }))
  await ask(200, `/topics/${root}/kept?qos=1&retain=true`, '21.5')
  await ask(200, `/topics/${root}/kept`)
  await ask(200, '/topics', lines.join('\n'))
  await ask(200, `/history?filter=${root}/many`)
  await ask(403, '/topics/elsewhere', 'x')
  await ask(404, '/nowhere')
  await ask(200, `/topics/${root}/kept?qos=1&retain=true`, '')
}

/** Sends several requests on one connection, and stops in the middle of one. */
export async function http2Visit({ site, device, root }: Visitor): Promise<void> {
  const session = http2Session(site, device)
  const path = `/topics/${root}/h2?qos=1`
  const answers = await Promise.all(
    [1, 2, 3].map((body) => http2(session, { ':method': 'POST', ':path': path }, String(body))),
  )
  for (const { status, text } of answers) assert.equal(status, 200, text)
  const broken = session.request({ ':method': 'POST', ':path': `/topics/${root}/broken/off` })
  broken.on('error', () => {})
  await new Promise((resolve) => broken.write('half of', resolve))
  const closed = once(session, 'close')
  session.destroy()
  await closed
}

/** Connects without a certificate, or without TLS. */
export async function strangerVisit({ site }: Visitor): Promise<void> {
  const { status } = await http1(site, null, { path: '/whoami' })
  assert.equal(status, 401)
  const silent = connectTls({
    host: '127.0.0.1',
    port: site.ports.device,
    ca: site.pki.authority.certificate,
  })
  await once(silent, 'secureConnect')
  silent.destroy()
  for (const port of [site.ports.device, site.ports.mqtt, site.ports.viewer]) {
    const bare = connectTcp(port, '127.0.0.1')
    bare.on('error', () => {})
    await once(bare, 'connect')
    bare.write('GET / HTTP/1.1\r\n\r\n')
    bare.resume()
    await once(bare, 'close')
  }
}
