import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { limitedOf, runAttack } from './attack.ts'
import { ALL_AT_ONCE } from './attacks.ts'

/** Far above the value of an idle machine, because other tests may run at the same time. */
const MOST_MS = 2_000
const MOST_WORK_MS = 250
const MOST_MEMORY = 512 * 1024 ** 2
const SECONDS = 2
const RETAINED = 10_000

describe('an honest device during a flood', () => {
  for (const name of ['publish-qos1', 'denied-lines', 'denied-topics', 'filters', ALL_AT_ONCE])
    it(`gets its answers, and the flood is limited: ${name}`, async () => {
      const report = await runAttack(name, {
        seconds: SECONDS,
        quietSeconds: 0,
        retained: RETAINED,
      })
      const { failed, http, mqtt, work } = report.attacked
      assert.equal(failed, 0)
      assert.ok(report.peakMemory < MOST_MEMORY, `${report.peakMemory} bytes`)
      assert.ok(limitedOf(report).length > 0, [...report.counted.keys()].join('\n'))
      // latency is not checked with dozens of attackers and other tests on the same cores; the command measures it
      if (name === ALL_AT_ONCE) return
      assert.ok(http.p99 < MOST_MS, `${http.p99} ms over HTTP`)
      assert.ok(mqtt.p99 < MOST_MS, `${mqtt.p99} ms over MQTT`)
      assert.ok(work.p99 < MOST_WORK_MS, `${work.p99} ms of work before its answer`)
    })
})
