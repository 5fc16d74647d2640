import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { connect, type Http2SecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { createHttpServer } from '../../src/http/server.ts'
import { HTTP_LIMITS } from '../support/http-limits.ts'
import { UNLIMITED } from '../support/memory.ts'
import { createSurvivors } from '../support/survivors.ts'

const AT_ONCE = 16

describe('requests that are answered', () => {
  let server: Http2SecureServer
  const survivors = createSurvivors()
  before(async () => {
    const options = { ...HTTP_LIMITS, ...UNLIMITED, trust: null, requestCert: false }
    const recognise = (headers: IncomingHttpHeaders) => (headers[':path'] === '/known' ? {} : null)
    server = createHttpServer({ ...options, recognise }, (asked, response) => {
      survivors.follow(asked)
      // later, so that there are others at the same time
      setTimeout(() => response.end(), 1)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  after(() => server.close())

  async function assertForgotten(ask: () => Promise<void>): Promise<void> {
    const { left, of } = await survivors.leftOf(AT_ONCE, ask)
    // what other tests of this process collect can keep some requests of each round, a fault keeps nearly all
    assert.ok(left < of / 2, `${left} of ${of} requests are left`)
  }

  it('are not kept in memory over HTTP/1.1', async () => {
    const { port } = server.address() as AddressInfo
    const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
    await assertForgotten(async () => {
      const asked = request({ agent, port, host: '127.0.0.1' }).end()
      const [answer] = await once(asked, 'response')
      await once(answer.resume(), 'end')
    })
    agent.destroy()
  })

  for (const [name, path] of [
    ['', '/'],
    [' where a shortcut recognises them', '/known'],
  ] as const)
    it(`are not kept in memory over HTTP/2${name}`, async () => {
      const { port } = server.address() as AddressInfo
      const session = connect(`http://127.0.0.1:${port}`)
      await assertForgotten(async () => {
        const asked = session.request({ ':path': path })
        await once(asked.resume(), 'close')
      })
      session.destroy()
    })
})
