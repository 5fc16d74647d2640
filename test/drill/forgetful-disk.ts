import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A sector is written completely or not at all. */
const SECTOR = 512

/** A change of a file, or of the names in a folder. */
export interface Change {
  readonly what: 'create' | 'mkdir' | 'unlink' | 'truncate' | 'write' | 'flush'
  readonly name: string
  readonly offset: number
  readonly data: Buffer
}

/** The files of a folder by name; null is a folder. */
export type Files = Map<string, Buffer | null>

/** Decides whether unflushed data is on the disk anyway. */
export type Survives = () => boolean

export const NOTHING_SURVIVES: Survives = () => false
export const ALL_SURVIVES: Survives = () => true

interface File {
  /** Its content at the last flush. */
  bytes: Buffer
  unflushed: Change[]
}

/** Compiles the simulated disk; returns the library to preload. Needs gcc. */
export function buildForgetfulDisk(directory: string): string {
  const source = fileURLToPath(new URL('./forgetful-disk.c', import.meta.url))
  const library = join(directory, 'forgetful-disk.so')
  execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'])
  return library
}

/** Reads the trace of the disk. */
export function readTrace(file: string): Change[] {
  const trace = readFileSync(file)
  const changes: Change[] = []
  for (let at = 0; at < trace.length; ) {
    const end = trace.indexOf('\n', at)
    const [what, name = '', offset, length] = trace.toString('latin1', at, end).split(' ')
    const size = what === 'write' ? Number(length) : 0
    const data = trace.subarray(end + 1, end + 1 + size)
    changes.push({ what: what as Change['what'], name, offset: Number(offset), data })
    at = end + 1 + size
  }
  return changes
}

/**
 * Computes the folder after a power cut at the end of the trace, starting with the flushed `files`. It keeps flushed data, and of
 * the rest the parts that `survives` chooses. A name is flushed with its folder.
 */
export function cutPower(files: Files, trace: readonly Change[], survives: Survives): Files {
  const flushed = new Map<string, File | null>()
  for (const [name, bytes] of files)
    flushed.set(name, bytes && { bytes: copyOf(bytes, bytes.length), unflushed: [] })
  const present = new Map(flushed)
  let unflushed: { name: string; file: File | null | undefined }[] = []

  function rename(name: string, file: File | null | undefined): void {
    setOrDelete(present, name, file)
    unflushed.push({ name, file })
  }

  function flush(name: string): void {
    const file = present.get(name)
    if (file) {
      file.bytes = file.unflushed.reduce((bytes, change) => apply(bytes, change), file.bytes)
      file.unflushed = []
      return
    }
    for (const entry of unflushed)
      if (dirname(entry.name) === name) setOrDelete(flushed, entry.name, entry.file)
    unflushed = unflushed.filter((entry) => dirname(entry.name) !== name)
  }

  for (const change of trace) {
    const { what, name } = change
    if (what === 'flush') flush(name)
    else if (what === 'create') rename(name, { bytes: copyOf(Buffer.alloc(0), 0), unflushed: [] })
    else if (what === 'mkdir') rename(name, null)
    else if (what === 'unlink') rename(name, undefined)
    else present.get(name)?.unflushed.push(change)
  }
  for (const { name, file } of unflushed) if (survives()) setOrDelete(flushed, name, file)

  const left: Files = new Map()
  for (const [name, file] of flushed) {
    if (!isReachable(name, flushed)) continue
    const changes = file?.unflushed ?? []
    left.set(name, file && changes.reduce((b, c) => apply(b, c, survives), file.bytes))
  }
  return left
}

/** Removes files whose folder is gone. */
function isReachable(name: string, files: ReadonlyMap<string, unknown>): boolean {
  const folder = dirname(name)
  return folder === '.' || (files.has(folder) && isReachable(folder, files))
}

function setOrDelete<T>(map: Map<string, T>, name: string, value: T | undefined): void {
  if (value === undefined) map.delete(name)
  else map.set(name, value)
}

/** Returns the bytes after a change, or after those of its sectors that survive. */
function apply(bytes: Buffer, { what, offset, data }: Change, survives = ALL_SURVIVES): Buffer {
  if (what === 'truncate') return survives() ? resize(bytes, offset) : bytes
  let result = bytes
  for (let at = 0; at < data.length; ) {
    const end = Math.min(data.length, at + SECTOR - ((offset + at) % SECTOR))
    if (survives()) {
      if (result.length < offset + end) result = resize(result, offset + end)
      data.copy(result, offset + at, at, end)
    }
    at = end
  }
  return result
}

function resize(bytes: Buffer, size: number): Buffer {
  if (size <= bytes.length) return bytes.subarray(0, size)
  if (size > bytes.buffer.byteLength) return copyOf(bytes, size)
  return Buffer.from(bytes.buffer, 0, size).fill(0, bytes.length)
}

/** Copies the bytes into a buffer that can grow. */
function copyOf(bytes: Buffer, size: number): Buffer {
  const copy = Buffer.from(new ArrayBuffer(size * 2), 0, size)
  bytes.copy(copy)
  return copy
}

export function readFiles(directory: string): Files {
  const files: Files = new Map()
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const name = path.slice(directory.length + 1)
    files.set(name, entry.isDirectory() ? null : readFileSync(path))
  }
  return files
}

/** Makes the directory contain exactly these files. */
export function writeFiles(directory: string, files: Files): void {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { mode: 0o700 })
  for (const [name, bytes] of files)
    if (bytes === null) mkdirSync(join(directory, name), { recursive: true, mode: 0o700 })
  for (const [name, bytes] of files)
    if (bytes !== null) writeFileSync(join(directory, name), bytes, { mode: 0o600 })
}

export function isSame(left: Files, right: Files): boolean {
  if (left.size !== right.size) return false
  for (const [name, bytes] of left) {
    const other = right.get(name)
    if (bytes ? !other?.equals(bytes) : other !== null) return false
  }
  return true
}
