import { stat } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { readRegularFile } from '../disk/regular-file.ts'
import { stateOf } from '../disk/state.ts'
import { codeOf } from '../errors.ts'
import { type ParsedAcl, parseInSteps } from './parse.ts'

/** Bytes of the largest file. */
const LARGEST = 256 * 2 ** 20
/** Bytes that are compared without a pause. */
const BYTES_AT_ONCE = 2 ** 20

/** The ACL file as it is now. */
export function readAclFile(path: string): Promise<Buffer> {
  return readRegularFile(path, LARGEST)
}

/** Whether two files hold the same bytes. */
export async function isSame(a: Buffer, b: Buffer): Promise<boolean> {
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at += BYTES_AT_ONCE) {
    const end = at + BYTES_AT_ONCE
    if (!a.subarray(at, end).equals(b.subarray(at, end))) return false
    await setImmediate()
  }
  return true
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
): Promise<Buffer> {
  let missing = 0
  for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
    try {
      const state = await stateOf(path)
      const { mtimeMs } = await stat(path)
      // absolute, because another machine's clock may have written a time yet to come
      if (Math.abs(Date.now() - mtimeMs) >= QUIET_MS) {
        const bytes = await readAclFile(path)
        if (state === (await stateOf(path))) return bytes
      }
    } catch (error) {
      missing += 1
      // some editors move the old file away before they write the new one
      if (codeOf(error) !== 'ENOENT' || missing > 2) throw error
    }
    await pause(QUIET_MS)
  }
  throw new Error('it keeps changing while it is read')
}

/** How long one step may block the event loop. */
const SLICE_MS = 2

/** Parses `file`, which must not change any more, a moment at a time. */
export async function parseGently(file: Buffer): Promise<ParsedAcl> {
  const steps = parseInSteps(file)
  for (;;) {
    const begun = performance.now()
    do {
      const { done, value } = steps.next()
      if (done) return value
    } while (performance.now() - begun < SLICE_MS)
    await setImmediate()
  }
}
