import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

export const PRIVATE_FILE = 0o600
export const PUBLIC_FILE = 0o644

export interface NewFile {
  readonly path: string
  readonly text: string
  readonly mode: number
}

/** What a directory is called until it is complete; no device's name begins with a dot. */
export const UNFINISHED = '.new-'

/** Puts `text` at `path` in one step: whoever looks finds all of the old or all of the new file, even after a crash. */
export async function replaceFile({ path, text, mode }: NewFile): Promise<void> {
  const unfinished = join(dirname(path), UNFINISHED + basename(path))
  await rm(unfinished, { force: true })
  // the mode comes with the file's creation: set later, a key could be read in between
  await writeFile(unfinished, text, { mode, flag: 'wx', flush: true })
  await rename(unfinished, path)
  await syncDirectory(dirname(path))
}

/** Writes `files` into a directory beside `directory` that {@link finishDirectory} moves there. */
export async function prepareDirectory(
  directory: string,
  files: readonly NewFile[],
): Promise<void> {
  const unfinished = unfinishedOf(directory)
  await rm(unfinished, { recursive: true, force: true })
  await makePrivateDirectory(unfinished)
  for (const { path, text, mode } of files)
    await writeFile(join(unfinished, basename(path)), text, { mode, flag: 'wx', flush: true })
}

/** Puts what was prepared in the place of `directory`; what was there is deleted. */
export async function finishDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true })
  await rename(unfinishedOf(directory), directory)
  await syncDirectory(dirname(directory))
}

/** Makes `directory`, and what is missing above it, for the owner alone. */
export async function makePrivateDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
}

function unfinishedOf(directory: string): string {
  return join(dirname(directory), UNFINISHED + basename(directory))
}

/** Without it a power cut can undo a rename, and with it a revocation that was reported as done. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return
  await using handle = await open(directory)
  await handle.sync()
}
