import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { type Sandbox, startSandbox } from './sandbox.ts'
import { invoke, type Surroundings, startSurroundings } from './site.ts'

const MODULE = join(import.meta.dirname, '../../src/lambda/handler.ts')
/** Longer than the function trusts its connection without a check. */
const FREEZE_MS = 1_100

describe('a function that was frozen', () => {
  let around: Surroundings
  let sandbox: Sandbox
  before(async () => {
    around = await startSurroundings()
    sandbox = await startSandbox({ module: MODULE, environment: around.environment })
  })
  after(async () => {
    await sandbox[Symbol.asyncDispose]()
    await around[Symbol.asyncDispose]()
  })

  async function frozen(meanwhile: () => unknown): Promise<void> {
    sandbox.freeze()
    await Promise.all([meanwhile(), setTimeout(FREEZE_MS)])
    sandbox.thaw()
  }

  const publish = (qos: number, body: string) =>
    invoke(sandbox, 'http-2.0', around.sensor, { query: `qos=${qos}`, body })

  for (const qos of [0, 1])
    it(`publishes with QoS ${qos} after its connection was forgotten`, async () => {
      const client = await around.client()
      await client.subscribeAsync('wott/#', { qos: 1 })
      const came: string[] = []
      client.on('message', (_, payload) => came.push(payload.toString()))
      assert.equal((await publish(qos, 'before')).status, 200)
      await frozen(() => around.wire.forget())
      const started = performance.now()
      const { status, json } = await publish(qos, 'after')
      assert.equal(status, 200, JSON.stringify(json))
      assert.ok(performance.now() - started < 5_000)
      // in order after earlier messages of the broker
      await client.subscribeAsync('nothing')
      assert.deepEqual(came, ['before', 'after'])
    })

  it('publishes after the broker was started again', async () => {
    const { mosquitto } = around
    assert.equal((await publish(1, 'before')).status, 200)
    await frozen(async () => {
      await mosquitto.kill()
      await mosquitto.start()
    })
    assert.equal((await publish(1, 'after')).status, 200)
  })

  it('acknowledges nothing while the broker is gone', async () => {
    for (const qos of [0, 1]) {
      await frozen(() => {
        around.wire.stalled = true
      })
      const started = performance.now()
      assert.equal((await publish(qos, 'lost')).json.code, 'broker_unavailable')
      assert.ok(performance.now() - started < 5_000)
    }
    await frozen(() => {
      around.wire.stalled = false
    })
    assert.equal((await publish(1, 'back')).status, 200)
  })

  it('reads a message that was retained while it was frozen', async () => {
    const client = await around.client()
    const read = () =>
      invoke(sandbox, 'rest', around.sensor, { method: 'GET', path: '/topics/wott/kept' })
    for (const text of ['1', '2', '3']) {
      await client.publishAsync('wott/kept', text, { retain: true, qos: 1 })
      assert.equal((await read()).body.toString(), text)
      await frozen(() => text === '2' && around.wire.forget())
    }
  })
})
