import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect, type Http2SecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createHttpServer } from '../../src/http/server.ts'
import { HTTP_LIMITS } from '../support/http-limits.ts'
import { UNLIMITED } from '../support/memory.ts'

setFlagsFromString('--expose-gc')
const collect: (options: { type: 'minor' }) => void = runInNewContext('gc')

const AT_ONCE = 16
const ROUNDS = 5
const IN_TURN = 8
/** What other tests of this process collect can keep some requests of each round, a fault keeps nearly all. */
const MAY_BE_LEFT = (ROUNDS * AT_ONCE * IN_TURN) / 2

describe('requests that are answered', () => {
  let server: Http2SecureServer
  let alive = 0
  const registry = new FinalizationRegistry(() => {
    alive -= 1
  })
  before(async () => {
    // V8 makes the young generation large when much of it survives, and then collects only when it is told
    for (let time = 0; time < 8; time++) Array.from({ length: 200_000 }, () => ({}))
    const options = { ...HTTP_LIMITS, ...UNLIMITED, trust: null, requestCert: false }
    server = createHttpServer(options, (asked, response) => {
      alive += 1
      registry.register(asked, null)
      // later, so that there are others at the same time
      setTimeout(() => response.end(), 1)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  after(() => server.close())

  /** Requests that are still in memory, although only young objects were collected. */
  async function leftOf(ask: () => Promise<void>): Promise<number> {
    const before = alive
    for (let round = 0; round < ROUNDS; round++) {
      await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          for (let time = 0; time < IN_TURN; time++) await ask()
        }),
      )
      // twice, so that whatever still exists moves to the old heap
      for (let time = 0; time < 2; time++) collect({ type: 'minor' })
    }
    for (let turn = 0; turn < 10; turn++) await setImmediate()
    return alive - before
  }

  it('are not kept in memory over HTTP/1.1', async () => {
    const { port } = server.address() as AddressInfo
    const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
    const left = await leftOf(async () => {
      const asked = request({ agent, port, host: '127.0.0.1' }).end()
      const [answer] = await once(asked, 'response')
      await once(answer.resume(), 'end')
    })
    agent.destroy()
    assert.ok(left < MAY_BE_LEFT, `${left} requests are left`)
  })

  it('are not kept in memory over HTTP/2', async () => {
    const { port } = server.address() as AddressInfo
    const session = connect(`http://127.0.0.1:${port}`)
    const left = await leftOf(async () => {
      const asked = session.request({ ':path': '/' })
      await once(asked.resume(), 'close')
    })
    session.destroy()
    assert.ok(left < MAY_BE_LEFT, `${left} requests are left`)
  })
})
