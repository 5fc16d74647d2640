import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Broker } from '../../src/broker/broker.ts'
import { readRoutes } from '../../src/http/read.ts'
import type { Message } from '../../src/topic/message.ts'
import { createTurns } from '../../src/turns/turns.ts'
import { appFor } from '../support/http-app.ts'
import { message, receivedNow } from '../support/message.ts'

/** The answer to a reader of a retained message. */
async function read(path: string, more: Partial<Message>) {
  const given = { qos: 1, retain: true, device: 'd', ...receivedNow(), ...more } as const
  const retained = message('a', '21.5', given)
  const app = appFor({ id: 'reader', door: 'viewer', rules: 'user reader\ntopic read #\n' })
  const log = { now: () => Date.now() }
  const broker = { retained: async () => [retained], log } as unknown as Broker
  const denials = { note: () => {} } as never
  readRoutes(app, { broker, denials, turns: createTurns() }, { openOne: () => {} })
  const { statusCode, headers, body, json } = await app.inject({ url: path })
  assert.equal(statusCode, 200, body)
  return { headers, body, json }
}

describe('a retained message over HTTP', () => {
  it('has the content type that its publisher set', async () => {
    const contentType = 'text/plain; charset=utf-8'
    const { headers, body } = await read('/topics/a', { properties: { contentType } })
    assert.equal(headers['content-type'], contentType)
    assert.equal(body, '21.5')
  })

  it('is application/octet-stream without a valid content type', async () => {
    for (const properties of [null, {}, { contentType: 'a\r\nset-cookie: b' }]) {
      const { headers } = await read('/topics/a', { properties })
      assert.equal(headers['content-type'], 'application/octet-stream')
      assert.equal(headers['set-cookie'], undefined)
    }
  })

  it('can never be run by a browser', async () => {
    for (const contentType of ['text/html', 'image/svg+xml', 'text/plain']) {
      const { headers } = await read('/topics/a', { properties: { contentType } })
      assert.equal(headers['content-type'], contentType)
      assert.equal(headers['x-content-type-options'], 'nosniff')
      const policy = String(headers['content-security-policy']).split('; ')
      assert.deepEqual(policy, ["default-src 'none'", "frame-ancestors 'none'", 'sandbox'])
    }
  })

  it('has its age and its expiry', async () => {
    const now = Date.now()
    const lasting = await read('/topics/a', { received: now - 90_500 })
    assert.equal(lasting.headers.age, '90')
    assert.equal(lasting.headers.expires, undefined)
    assert.equal(lasting.headers['cache-control'], 'no-store')
    const expires = Date.UTC(2100, 0, 2, 3, 4, 5, 678)
    const passing = await read('/topics/a', { time: now + 5000, expires })
    assert.equal(passing.headers.age, '0')
    assert.equal(passing.headers.expires, 'Sat, 02 Jan 2100 03:04:05 GMT')
  })

  it('has its user properties in the format of AWS IoT, or null', async () => {
    const pairs = [
      ['b', '1'],
      ['a', 'ü'],
      ['b', '2'],
      ['__proto__', '3'],
    ] as const
    const { json } = await read('/retainedMessage/a', { properties: { userProperties: pairs } })
    const { userProperties, ...rest } = json()
    const { lastModifiedTime: _, ...shape } = rest
    assert.deepEqual(shape, { topic: 'a', payload: 'MjEuNQ==', qos: 1 })
    assert.equal(
      Buffer.from(userProperties, 'base64').toString(),
      '[{"b":"1"},{"a":"ü"},{"b":"2"},{"__proto__":"3"}]',
    )
    for (const properties of [null, { contentType: 'a' }, { userProperties: [] }])
      assert.equal((await read('/retainedMessage/a', { properties })).json().userProperties, null)
  })
})
