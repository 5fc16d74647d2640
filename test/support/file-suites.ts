import { AsyncLocalStorage } from 'node:async_hooks'
import { after, describe } from 'node:test'

type Clean = () => Promise<unknown>

/** What the tests of a file have left, from its first import on. */
const leftovers = new AsyncLocalStorage<Clean[]>()

/** Calls `clean` when the tests of the file are done; a process that runs only this file needs no cleaning. */
export function atEndOfFile(clean: Clean): void {
  leftovers.getStore()?.push(clean)
}

/** Runs test files one after the other in this process, each in a suite of its own, so that its hooks are not run for the others. */
export async function runFiles(
  files: Readonly<Record<string, () => Promise<unknown>>>,
): Promise<void> {
  for (const [file, load] of Object.entries(files)) {
    const { promise: loaded, resolve } = Promise.withResolvers<void>()
    // two files that load at the same time could end up in one suite
    describe(file, async () => {
      const left: Clean[] = []
      await leftovers.run(left, load).finally(resolve)
      after(async () => {
        for (const clean of left) await clean()
      })
    })
    await loaded
  }
}
