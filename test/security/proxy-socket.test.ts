import assert from 'node:assert/strict'
import { once } from 'node:events'
import { lstat, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { temporaryFolder } from '../cli/program.ts'
import { http2 } from '../support/clients.ts'
import { startGateway } from '../support/gateway.ts'
import { passedOn } from '../support/proxied.ts'
import { rawAnswers, untilClosed } from '../support/raw.ts'
import { until } from '../support/until.ts'

const startOn = (path: string, more: object = {}) =>
  startGateway({
    acl: 'pattern readwrite #\n',
    settings: { proxyListen: `unix:${path}`, proxyIdentity: 'rfc9440', ...more },
  })

async function whoami(socketPath: string, headers: Record<string, string>) {
  const sent = request({ socketPath, path: '/whoami', headers: { host: 'x', ...headers } }).end()
  const [response] = await once(sent, 'response')
  return JSON.parse(String(Buffer.concat(await Array.fromAsync(response))))
}

describe('the proxy door on a Unix socket', () => {
  it('takes HTTP/1.1 and HTTP/2 without TLS from its user and group', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'proxy.sock')
    await using at = await startOn(path)
    assert.equal((await lstat(path)).mode & 0o777, 0o660)
    assert.equal(at.gateway.doors.proxy?.address, `unix:${path}`)
    const one = await at.pki.issue('one')
    assert.equal((await whoami(path, passedOn(one))).id, 'one')
    assert.equal((await whoami(path, {})).code, 'certificate_required')
    const session = connectHttp2('http://localhost', { createConnection: () => connect(path) })
    assert.equal((await http2(session, { ':path': '/whoami', ...passedOn(one) })).json.id, 'one')
    session.close()
    await at.pki.revoke(one.serial)
    await until(
      () => whoami(path, passedOn(one)),
      ({ code }) => code === 'certificate_revoked',
    )
  })

  it('limits the connections of the proxy', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'proxy.sock')
    await using at = await startOn(path, { maxProxyConnections: '1' })
    const socket = connect(path)
    socket.write('GET /whoami HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'data')
    assert.equal(await untilClosed(connect(path)), '')
    const sample = 'wott_connections_cut_total{door="proxy",reason="max_connections"}'
    assert.equal(await at.metric(sample), 1)
    socket.destroy()
  })

  it('replaces a socket that a killed gateway left, and no other file', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'proxy.sock')
    const listening = createServer().listen(path)
    await once(listening, 'listening')
    const used = { name: 'UsageError', message: /another program already listens there/ }
    await assert.rejects(startOn(path), used)
    listening.close()
    await once(listening, 'close')
    await writeFile(path, 'precious')
    const file = { name: 'UsageError', message: /a file that is not a socket exists there/ }
    await assert.rejects(startOn(path), file)
    const nowhere = { name: 'UsageError', message: /the folder does not exist, or/ }
    await assert.rejects(startOn(join(folder.path, 'none', 'proxy.sock')), nowhere)
  })

  it('finishes open requests when the gateway stops, and accepts no new ones', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'proxy.sock')
    await using at = await startOn(path)
    const one = await at.pki.issue('one')
    const socket = connect(path)
    const [[name, value]] = Object.entries(passedOn(one)) as [[string, string]]
    socket.write(
      `POST /topics/a HTTP/1.1\r\nHost: x\r\n${name}: ${value}\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n`,
    )
    await once(socket, 'data')
    const drained = at.gateway.drain()
    await assert.rejects(once(connect(path), 'connect'))
    socket.write('1')
    assert.equal(rawAnswers(await untilClosed(socket))[0]?.status, 200)
    await drained
    await assert.rejects(lstat(path), { code: 'ENOENT' })
  })
})
