import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { silentMeter } from '../../src/metrics/meter.ts'
import { unavailable } from '../../src/uplink/refusals.ts'
import { createWindow } from '../../src/uplink/window.ts'
import { createSurvivors } from '../support/survivors.ts'
import { message } from './site.ts'

const AT_ONCE = 64

it('messages that the broker has acknowledged are not kept in memory', async () => {
  const survivors = createSurvivors()
  const window = createWindow({
    terms: { receiveMaximum: AT_ONCE },
    send: (_, answered) => void setImmediate().then(() => answered(null)),
    deadlineMs: 60_000,
    maxPending: { messages: 1_000, bytes: 1_000_000 },
    meter: silentMeter,
    onStuck() {},
  })

  async function publish(qos: 0 | 1): Promise<void> {
    const sent = message('t', 'x', { qos })
    survivors.follow(sent)
    await window.publish(sent)
    window.noteRead(window.lastPlace())
  }

  for (const qos of [0, 1] as const) {
    const { left, of } = await survivors.leftOf(AT_ONCE, () => publish(qos))
    assert.ok(left < of / 2, `${left} of ${of} messages with QoS ${qos} are left`)
  }
  window.fail(unavailable('away', 'the test is over'))
})
