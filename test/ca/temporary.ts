import { rmSync } from 'node:fs'
import { cp, mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initDirectory } from '../../src/ca/init.ts'
import { layoutOf } from '../../src/ca/layout.ts'

/** An empty directory, which is removed at the end of the block. */
export function temporaryDirectory(): ReturnType<typeof mkdtempDisposable> {
  return mkdtempDisposable(join(tmpdir(), 'wott-ca-'))
}

const original = await temporaryDirectory()
process.once('exit', () => rmSync(original.path, { recursive: true, force: true }))
let initialised: Promise<unknown> | undefined

/** A directory as `init` makes it, removed at the end of the block. It is a copy, as signing takes time. */
export async function initialisedDirectory() {
  initialised ??= initDirectory(original.path)
  await initialised
  const directory = await temporaryDirectory()
  await cp(original.path, directory.path, { recursive: true })
  return {
    path: directory.path,
    layout: layoutOf(directory.path),
    [Symbol.asyncDispose]: () => directory.remove(),
  }
}
