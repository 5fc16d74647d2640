import { setImmediate } from 'node:timers/promises'

/** The longest time that other work may have to wait. */
const STEP_MS = 2

/** Makes a function to call between the steps of a long task; every few milliseconds it lets other work run. */
export function createPauses(): () => Promise<void> {
  let start = performance.now()
  return async () => {
    if (performance.now() - start < STEP_MS) return
    await setImmediate()
    start = performance.now()
  }
}
