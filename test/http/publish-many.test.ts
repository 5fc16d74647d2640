import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createNoCommands } from '../../src/commands/commands.ts'
import type { GatewayError } from '../../src/errors.ts'
import { createRequestMemory } from '../../src/http/memory.ts'
import { publishManyRoute } from '../../src/http/publish-many.ts'
import { silentMeter } from '../../src/metrics/meter.ts'
import type { Reading } from '../../src/relay/relay.ts'
import { createTurns } from '../../src/turns/turns.ts'
import { appFor } from '../support/http-app.ts'
import { openKeys } from '../support/keys.ts'
import { UNLIMITED } from '../support/memory.ts'

/** Posts some lines; returns the readings that reached the relay, and the refusals before it. */
async function publish(...lines: string[]) {
  const readings: Reading[] = []
  const app = appFor({ id: 'device', door: 'device', rules: 'topic write #\n' })
  const count = createRequestMemory({ ...UNLIMITED, isShared: false })
  app.addHook('onRequest', async (request, reply) => {
    // the server counts memory, but `inject` does not go through it
    count(request.raw, reply.raw)
  })
  const relay = {
    async publish(_caller: unknown, reading: Reading) {
      readings.push(reading)
      return null
    },
    refuse: (_caller: unknown, reason: GatewayError) => reason,
  }
  publishManyRoute(
    app,
    {
      relay,
      keys: openKeys(),
      commands: createNoCommands('off'),
      meter: silentMeter,
      onTooLarge() {},
    },
    createTurns(),
  )
  const answer = await app.inject({
    method: 'POST',
    url: '/topics',
    payload: lines.join('\n'),
    headers: { 'content-type': 'application/x-ndjson' },
  })
  const { refused } = answer.json()
  return { readings, refused: refused as { line: number; code: string; detail: string }[] }
}

const line = (more: object) => JSON.stringify({ topic: 'a', payload: 'x', ...more })

describe('the lines of POST /topics', () => {
  it('have the properties of a stream event as members, and an expiry', async () => {
    const properties = {
      contentType: 'text/plain',
      responseTopic: 'answers',
      payloadFormatIndicator: 1,
      correlationData: 'AP8=',
      userProperties: [
        ['b', '1'],
        ['a', '2'],
        ['b', '3'],
      ],
    }
    const { readings, refused } = await publish(
      line({ ...properties, messageExpiry: 60 }),
      line({ messageExpiry: 1 }),
      line({}),
    )
    assert.deepEqual(refused, [])
    assert.deepEqual(
      readings.map(({ properties, messageExpiry }) => [properties, messageExpiry]),
      [
        [{ ...properties, correlationData: Buffer.from([0, 255]) }, 60],
        [null, 1],
        [null, null],
      ],
    )
  })

  it('are refused with an invalid property, by its name', async () => {
    const wrong: [object, RegExp][] = [
      [{ contentType: 1 }, /^"contentType" must be a string\.$/],
      [{ contentType: null }, /^"contentType" must be a string\.$/],
      [{ messageExpiry: 0 }, /^"messageExpiry" must be a whole number of seconds from 1 to /],
      [{ messageExpiry: '60' }, /^"messageExpiry" must be a whole number/],
      [{ responseTopic: 'a/#' }, /^"responseTopic" must not contain a wildcard/],
      [{ payloadFormatIndicator: 'UTF8_DATA' }, /^"payloadFormatIndicator" must be 0 .* or 1/],
      [{ correlationData: 'AP8' }, /^"correlationData" must be base64\.$/],
      [{ userProperties: { a: 'b' } }, /^"userProperties" must be a list of pairs/],
      [{ contentType: 'x'.repeat(65_536) }, /^The MQTT properties have 65536 bytes in total/],
      [{ contenttype: 'a' }, /^Unknown member "contenttype"; the known members are .*contentType/],
    ]
    const { readings, refused } = await publish(
      ...wrong.map(([more]) => line(more)),
      line({ payload: 'last' }),
    )
    assert.deepEqual(
      readings.map(({ payload }) => String(payload)),
      ['last'],
    )
    assert.deepEqual(
      refused.map(({ line, code }) => [line, code]),
      Array.from({ length: wrong.length }, (_, index) => [index + 1, 'body_invalid']),
    )
    for (const [index, [, detail]] of wrong.entries())
      assert.match(refused[index]?.detail ?? '', detail)
  })
})
