import { setTimeout as pause } from 'node:timers/promises'

/** Short enough for a test, long enough for the gateway, which is mostly in the same process. */
const INTERVAL_MS = 20
/** Longer than anything takes on a busy machine. */
const LIMIT_MS = 60_000

/** Polls where there is no event: resolves with the first answer that `isIt`, and rejects after a minute. */
export async function until<T>(
  ask: () => T | Promise<T>,
  isIt: (answer: T) => boolean,
): Promise<T> {
  const end = performance.now() + LIMIT_MS
  for (;;) {
    const answer = await ask()
    if (isIt(answer)) return answer
    if (performance.now() > end) throw new Error(`waited in vain; the last answer is ${answer}`)
    await pause(INTERVAL_MS)
  }
}
