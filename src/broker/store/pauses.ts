import { setImmediate } from 'node:timers/promises'

/** How long others may have to wait. */
const STEP_MS = 2

/** Called between the steps of a long work, it lets others in every few milliseconds. */
export function createPauses(): () => Promise<void> {
  let start = performance.now()
  return async () => {
    if (performance.now() - start < STEP_MS) return
    await setImmediate()
    start = performance.now()
  }
}
