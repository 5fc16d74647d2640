import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startAny } from '../cli/program.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { ROOT } from './dockerfile.ts'

/** The exit code with these settings: 0 for healthy. */
async function check(env: Readonly<Record<string, string>>): Promise<number | null> {
  await using program = startAny('bash', [join(ROOT, 'deploy/healthcheck')], { env })
  const { code, stderr } = await program.ended
  assert.equal(stderr, '')
  return code
}

describe('the health check of the image', () => {
  let at: TestGateway
  before(async () => {
    at = await startGateway({ settings: { opsListen: '[::]:0' } })
  })
  after(() => at[Symbol.asyncDispose]())

  for (const host of ['127.0.0.1', 'localhost', '[::1]', '', '[::]', '0.0.0.0'])
    it(`asks the ops door where WOTT_OPS_LISTEN puts it: ${host}:PORT`, async () =>
      assert.equal(await check({ WOTT_OPS_LISTEN: `${host}:${at.ports.ops}` }), 0))

  it('fails when the gateway is not ready, or not there', async () => {
    const server = createServer((_, response) => response.writeHead(503).end()).listen(0)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    assert.equal(await check({ WOTT_OPS_LISTEN: `:${port}` }), 1)
    server.close()
    await once(server, 'close')
    assert.equal(await check({ WOTT_OPS_LISTEN: `:${port}` }), 1)
  })

  it('checks the other doors when there is no ops door', async () => {
    const doors = {
      WOTT_OPS_LISTEN: 'off',
      WOTT_DEVICE_LISTEN: `:${at.ports.device}`,
      WOTT_MQTT_LISTEN: `:${at.ports.mqtt}`,
      WOTT_VIEWER_LISTEN: 'off',
    }
    assert.equal(await check(doors), 0)
    // a privileged port that nothing on a test machine uses
    assert.equal(await check({ ...doors, WOTT_VIEWER_LISTEN: ':1' }), 1)
    assert.equal(await check({ ...doors, WOTT_DEVICE_LISTEN: ':1' }), 1)
    assert.equal(await check({ ...doors, WOTT_PROXY_LISTEN: ':1' }), 1)
    assert.equal(await check({ ...doors, WOTT_PROXY_LISTEN: 'unix:/run/proxy.sock' }), 0)
  })
})
