import { AsyncLocalStorage } from 'node:async_hooks'
import { after, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

type Clean = () => Promise<unknown>

const BUILT = new URL('../rooms/package/bin/wott-gateway.js', import.meta.url)

/** What the tests of a file have left, from its first import on. */
const leftovers = new AsyncLocalStorage<Clean[]>()

/** Calls `clean` when the tests of the file are done; a process that runs only this file needs no cleaning. */
export function atEndOfFile(clean: Clean): void {
  leftovers.getStore()?.push(clean)
}

/**
 * Runs test files one after the other in this process, each in a suite of its own, so that its hooks are not run for the others. The
 * process fails if one of them was not run. The programs that they start are those of the built package: these start faster than
 * the sources, and are what users run.
 */
export async function runFiles(
  files: Readonly<Record<string, () => Promise<unknown>>>,
): Promise<void> {
  process.env.WOTT_TESTED_PROGRAM = fileURLToPath(BUILT)
  const all = Object.entries(files)
  let done = 0
  process.once('exit', () => {
    if (done === all.length) return
    process.stderr.write(`only ${done} of ${all.length} test files were run\n`)
    process.exitCode = 1
  })
  for (const [file, load] of all) {
    const { promise: loaded, resolve } = Promise.withResolvers<void>()
    // two files that load at the same time could end up in one suite
    describe(file, async () => {
      const left: Clean[] = []
      await leftovers.run(left, load).finally(resolve)
      after(async () => {
        for (const clean of left) await clean()
        done += 1
      })
    })
    await loaded
  }
  // --test-force-exit ends a process at once, and what the runner has not read by then of its reports is lost
  test('all reports are written', async () => {
    do await setTimeout(100)
    while (process.stdout.writableLength > 0)
  })
}
