import { readFile, stat } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { stateOf } from '../disk/state.ts'
import { codeOf } from '../errors.ts'
import { type ParsedAcl, parseInSteps } from './parse.ts'

/** The file as it is now. */
export async function readRegularFile(path: string): Promise<Buffer> {
  // a FIFO would wait for its writer
  if (!(await stat(path)).isFile()) throw new Error('it is not a regular file')
  return readFile(path)
}

const QUIET_MS = 100
const MOST_ATTEMPTS = 50

/**
 * The file once nobody has been writing to it for a moment: the first half of a file may allow what its second half
 * denies. `pause` waits, and rejects to give up.
 */
export async function readSettled(
  path: string,
  pause: (ms: number) => Promise<void>,
): Promise<{ bytes: Buffer; state: string }> {
  let missing = 0
  for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
    try {
      const state = await stateOf(path)
      const { mtimeMs } = await stat(path)
      // absolute, because another machine's clock may have written a time yet to come
      if (Math.abs(Date.now() - mtimeMs) >= QUIET_MS) {
        const bytes = await readRegularFile(path)
        if (state === (await stateOf(path))) return { bytes, state }
      }
    } catch (error) {
      missing += 1
      // an editor may move the old file away before it writes the new one
      if (codeOf(error) !== 'ENOENT' || missing > 2) throw error
    }
    await pause(QUIET_MS)
  }
  throw new Error('it is being written all the time')
}

/** Parses without holding up the event loop for long. */
export async function parseGently(bytes: Uint8Array): Promise<ParsedAcl> {
  const steps = parseInSteps(bytes)
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
    await setImmediate()
  }
}
