import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Field, limitedOf, openField } from './attack.ts'
import { ALL_AT_ONCE } from './attacks.ts'

/** CPU time, which other tests that run at the same time do not change much. */
const MOST_WORK_MS = 250
const MOST_MEMORY = 512 * 1024 ** 2
/** A burst takes milliseconds of CPU time, but the attackers run with a low priority. */
const SECONDS = 0.4
const LIMIT_WITHIN_SECONDS = 60
const RETAINED = 2_000

describe('an honest device during a flood', () => {
  let field: Field
  before(async () => {
    field = await openField({ warmUpSeconds: SECONDS, retained: RETAINED })
  })
  after(() => field[Symbol.asyncDispose]())

  for (const name of ['publish-qos1', 'denied-lines', 'denied-topics', 'filters', ALL_AT_ONCE])
    it(`gets its answers, and the flood is limited: ${name}`, async () => {
      const report = await field.attack(name, {
        seconds: SECONDS,
        quietSeconds: 0,
        settleSeconds: SECONDS,
        limitWithinSeconds: LIMIT_WITHIN_SECONDS,
      })
      const { failed, work } = report.attacked
      assert.equal(failed, 0)
      assert.ok(report.peakMemory < MOST_MEMORY, `${report.peakMemory} bytes`)
      assert.ok(limitedOf(report.counted).length > 0, [...report.counted.keys()].join('\n'))
      // dozens of attackers compete for the caches; latency depends on other tests, and the command measures it
      if (name === ALL_AT_ONCE) return
      assert.ok(work.p99 < MOST_WORK_MS, `${work.p99} ms of work before its answer`)
    })
})
