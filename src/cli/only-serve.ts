import { withFirstFlags } from './heap.ts'
import { runLine } from './run-line.ts'
import { createServe } from './serve.ts'

/** Time for the first requests, whose code the next start needs too, in milliseconds. */
const FIRST_REQUESTS_MS = 1000

/**
 * Runs `wott-gateway serve ARGS`. `keepCode` is called once the gateway has run for a second; it keeps what V8 has compiled for
 * the next start.
 */
export function serveMain(args: readonly string[], keepCode: () => void): Promise<void> {
  const keep = () => withFirstFlags(keepCode)
  const command = createServe(() => void setTimeout(keep, FIRST_REQUESTS_MS).unref())
  return runLine(args, { serve: ['run the gateway', async () => command] }, '')
}
