import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it, mock } from 'node:test'
import { createAlarm } from '../../src/broker/alarm.ts'

describe('the alarm', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 0 }))
  afterEach(() => mock.timers.reset())

  /** An alarm over a list of due times, and the times at which it looked. */
  function alarmOf(due: number[]) {
    const looked: number[] = []
    const alarm = createAlarm(() => {
      looked.push(Date.now())
      while ((due[0] ?? Number.POSITIVE_INFINITY) <= Date.now()) due.shift()
      return due[0] ?? Number.POSITIVE_INFINITY
    }, Date.now)
    return { alarm, looked }
  }

  /** Moves the clock on in steps of 10 ms, as real time does. */
  function pass(milliseconds: number): void {
    for (let step = 0; step < milliseconds; step += 10) mock.timers.tick(10)
  }

  it('looks when something is due, and then when the next thing is', () => {
    const { alarm, looked } = alarmOf([1_000, 3_000])
    alarm.at(1_000)
    pass(5_000)
    assert.deepEqual(looked, [1_000, 3_000])
  })

  it('looks earlier for an earlier due time, but not later for a later one', () => {
    const { alarm, looked } = alarmOf([500, 1_000])
    alarm.at(1_000)
    alarm.at(2_000)
    alarm.at(500)
    pass(600)
    assert.deepEqual(looked, [500])
  })

  it('looks once for times that are nearly the same, and never synchronously', () => {
    const { alarm, looked } = alarmOf([0, 20, 40])
    for (const due of [0, 20, 40]) alarm.at(due)
    pass(200)
    assert.deepEqual(looked, [50])
  })

  it('looks every minute while it waits for a distant time, as the clock may be set', () => {
    const due = [10 * 365 * 86_400_000]
    const { alarm, looked } = alarmOf(due)
    alarm.at(due[0] as number)
    mock.timers.tick(60_000)
    mock.timers.tick(60_000)
    assert.deepEqual(looked, [60_000, 120_000])
  })

  it('does not look again while nothing is due', () => {
    const { alarm, looked } = alarmOf([])
    alarm.at(Number.POSITIVE_INFINITY)
    pass(100)
    alarm.at(500)
    pass(120_000)
    assert.deepEqual(looked, [500])
  })

  it('does not look once it is stopped', () => {
    const { alarm, looked } = alarmOf([100, 200])
    alarm.at(100)
    alarm.stop()
    alarm.at(200)
    pass(1_000)
    assert.deepEqual(looked, [])
  })
})
