import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, messageOf } from '../errors.ts'

/** A text that changes with every write to a file, rename over it and swapped symlink. */
export async function stateOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
  } catch (error) {
    return codeOf(error) ?? messageOf(error)
  }
}

/** The state of a file, or of a folder with every file in it. */
export async function stateOfAll(path: string): Promise<string> {
  const own = await stateOf(path)
  // stat, not readdir: without a free descriptor readdir fails, and every file would seem to have changed
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
  if (!isFolder) return own
  try {
    const names = (await readdir(path)).sort()
    const states = await Promise.all(names.map((name) => stateOf(join(path, name))))
    return [own, ...names.map((name, index) => `${name} ${states[index]}`)].join('\n')
  } catch (error) {
    return `${own} ${codeOf(error)}`
  }
}
