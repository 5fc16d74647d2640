import { setImmediate } from 'node:timers/promises'
import { collect } from './collect.ts'

const ROUNDS = 5
const IN_TURN = 8

/** Objects that are still in memory, although only young objects were collected. */
export interface Survivors {
  follow(object: object): void
  /** How many of the objects are left that are followed while `act` is called again and again, `atOnce` times at the same time. */
  leftOf(
    atOnce: number,
    act: () => Promise<unknown>,
  ): Promise<{ readonly left: number; readonly of: number }>
}

export function createSurvivors(): Survivors {
  let followed = 0
  let alive = 0
  const registry = new FinalizationRegistry(() => {
    alive -= 1
  })
  // V8 makes the young generation large when much of it survives, and then collects only when it is told
  for (let time = 0; time < 8; time++) Array.from({ length: 200_000 }, () => ({}))

  return {
    follow(object) {
      followed += 1
      alive += 1
      registry.register(object, null)
    },
    async leftOf(atOnce, act) {
      const before = { followed, alive }
      for (let count = 0; count < ROUNDS; count++) {
        await Promise.all(Array.from({ length: atOnce }, () => again(act)))
        // twice, so that whatever still exists moves to the old heap
        for (let time = 0; time < 2; time++) collect({ type: 'minor' })
      }
      for (let turn = 0; turn < 10; turn++) await setImmediate()
      return { left: alive - before.alive, of: followed - before.followed }
    },
  }
}

async function again(act: () => Promise<unknown>): Promise<void> {
  for (let time = 0; time < IN_TURN; time++) await act()
}
