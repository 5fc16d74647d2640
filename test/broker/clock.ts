import { mock } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Will } from '../../src/broker/session.ts'
import type { TestBroker } from './store/test-broker.ts'

export const SECOND = 1_000
export const START = 1_800_000_000_000

export function willOf(payload: string, delay = 0): Will {
  const message = { topic: 'gone', payload: Buffer.from(payload), qos: 1, retain: false } as const
  return { message: { ...message, properties: null }, messageExpiry: null, delay }
}

/** Starts publishing wills, and lists each with its seconds after `START`. The broker takes them while `works` returns true. */
export function watchWills({ broker }: TestBroker, works: () => boolean = () => true) {
  const said: string[] = []
  broker.sessions.publishWillsBy(async ({ device, clientId }, { message }) => {
    const time = (Date.now() - START) / SECOND
    if (!works()) throw new Error('full')
    await nextTurn()
    said.push(`${device}/${clientId} ${message.payload} ${time}`)
  })
  return said
}

/** Moves the test's clock on by seconds. */
export async function pass(seconds: number): Promise<void> {
  await nextTurn()
  for (let step = 0; step < seconds * 4; step++) {
    mock.timers.tick(SECOND / 4)
    await nextTurn()
  }
}

/** Stops the clock of the test at `START`. */
export function stopClock(): void {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: START })
}
