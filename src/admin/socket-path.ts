import { closeSync, openSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { codeOf } from '../errors.ts'

/** Longest path of a socket, in bytes, on every system: sun_path has 104 on macOS and 108 on Linux. */
const LONGEST = 103

/**
 * Names a socket with a path that is short enough for one, until it is disposed of. Where `path` itself is too long, that leads
 * through an open file descriptor of its folder, which only Linux has: nobody else can put something in its place.
 */
export function shortPath(path: string): { readonly path: string } & Disposable {
  if (Buffer.byteLength(path) <= LONGEST || process.platform !== 'linux')
    return { path, [Symbol.dispose]() {} }
  const folder = openFolder(dirname(path))
  if (folder === null) return { path, [Symbol.dispose]() {} }
  return {
    path: `/proc/self/fd/${folder}/${basename(path)}`,
    [Symbol.dispose]: () => closeSync(folder),
  }
}

/** Null where there is none. */
function openFolder(folder: string): number | null {
  try {
    return openSync(folder, 'r')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}
