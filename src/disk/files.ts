import {
  closeSync,
  constants,
  createReadStream,
  fsyncSync,
  mkdirSync,
  openSync,
  statSync,
} from 'node:fs'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { codeOf, messageOf, UsageError } from '../errors.ts'

export const PRIVATE_FILE = 0o600
export const PUBLIC_FILE = 0o644

/** A file to write, with its permissions. */
export interface NewFile {
  readonly path: string
  readonly text: string | Uint8Array
  readonly mode: number
}

/** What a directory is called until it is complete; no device's name begins with a dot. */
export const UNFINISHED_PREFIX = '.new-'

/**
 * Writes `text` to `path` in one step: readers see either the old or the new file, never a part, even after a crash. The owner
 * stays the same; a new file that root writes belongs to the owner of its folder. Rejects with `UsageError` when it cannot.
 */
export async function replaceFile(file: NewFile): Promise<void> {
  const { path } = file
  const owner = await ownerFor(path)
  const unfinished = unfinishedOf(path)
  await rm(unfinished, { force: true })
  await writeNew({ ...file, path: unfinished }, owner)
  await rename(unfinished, path)
  await syncDirectory(dirname(path))
}

/**
 * Moves a private file to `path` in one step, also to another disk: readers see either the old or the new file.
 */
export async function moveFile(from: string, path: string): Promise<void> {
  try {
    await rename(from, path)
  } catch (error) {
    if (codeOf(error) !== 'EXDEV') throw error
    const unfinished = unfinishedOf(path)
    await rm(unfinished, { force: true })
    try {
      await using handle = await open(unfinished, 'wx', PRIVATE_FILE)
      await pipeline(createReadStream(from), handle.createWriteStream({ autoClose: false }))
      await handle.sync()
      await rename(unfinished, path)
    } finally {
      await rm(unfinished, { force: true })
    }
    await rm(from)
  }
  await syncDirectory(dirname(path))
}

/** Writes `files` into a directory beside `directory` that {@link finishDirectory} moves there. */
export async function prepareDirectory(
  directory: string,
  files: readonly NewFile[],
): Promise<void> {
  const owner = await ownerFor(directory)
  const unfinished = unfinishedOf(directory)
  await rm(unfinished, { recursive: true, force: true })
  makePrivateDirectory(unfinished)
  for (const file of files)
    await writeNew({ ...file, path: join(unfinished, basename(file.path)) }, owner)
  if (owner === null) return
  await using handle = await open(unfinished, constants.O_DIRECTORY | constants.O_NOFOLLOW)
  await give(handle, unfinished, owner)
}

/** Replaces `directory` with the prepared one; the old one is deleted. */
export async function finishDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true })
  await rename(unfinishedOf(directory), directory)
  await syncDirectory(dirname(directory))
}

/** Creates `directory` and missing parents, for the owner only. */
export function makePrivateDirectory(directory: string): void {
  if (isDirectory(directory)) return
  // mkdir's own recursion never ends where the folder above is there and takes none, as /proc does
  const parent = dirname(directory)
  if (parent !== directory) makePrivateDirectory(parent)
  try {
    mkdirSync(directory, { mode: 0o700 })
  } catch (error) {
    // somebody else may have made it meanwhile
    if (!isDirectory(directory)) throw error
  }
  syncDirectoryNow(parent)
}

/** As `syncDirectory`. Without it a power cut can take a new folder away, with all that was flushed in it. */
export function syncDirectoryNow(directory: string): void {
  if (process.platform === 'win32') return
  const handle = openSync(directory, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

/** Makes an empty file, as root for the owner of its folder, unless there is one. */
export async function ensurePrivateFile(path: string): Promise<void> {
  try {
    await writeNew({ path, text: '', mode: PRIVATE_FILE }, await ownerFor(path))
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
}

function unfinishedOf(path: string): string {
  return join(dirname(path), UNFINISHED_PREFIX + basename(path))
}

async function writeNew({ path, text, mode }: NewFile, owner: FileOwner | null): Promise<void> {
  // the mode comes with the file's creation: set later, a key could be read in between
  await using handle = await open(path, 'wx', mode)
  try {
    if (owner) await give(handle, path, owner)
    await handle.writeFile(text)
    await handle.sync()
  } catch (error) {
    await rm(path)
    throw error
  }
}

interface FileOwner {
  readonly uid: number
  readonly gid: number
}

/** The owner that a file written at `path` must be given to; null when this process is the right owner. */
async function ownerFor(path: string): Promise<FileOwner | null> {
  const [uid, gid] = [process.geteuid?.(), process.getegid?.()]
  if (uid === undefined) return null
  const present = await stat(path).catch(() => null)
  if (uid !== 0) {
    if (present && present.uid !== uid)
      throw new UsageError(
        `${path} belongs to user ${present.uid}: run this command as that user, or change the owner`,
      )
    return null
  }
  const owner = present ?? (await stat(dirname(path)))
  return owner.uid === uid && owner.gid === gid ? null : owner
}

async function give(handle: FileHandle, path: string, owner: FileOwner): Promise<void> {
  try {
    await handle.chown(owner.uid, owner.gid)
  } catch (error) {
    throw new UsageError(
      `${path} cannot be given to user ${owner.uid} (${messageOf(error)}): run this command as that user`,
      { cause: error },
    )
  }
}

/** Flushes a directory. Without it a power cut can undo a rename, and so a revocation that was reported as done. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return
  await using handle = await open(directory)
  await handle.sync()
}
