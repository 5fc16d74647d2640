import { stat } from 'node:fs/promises'
import { codeOf, messageOf } from '../errors.ts'

/** Tells one state of a file from the next: a write, a rename over it and a swapped symlink all change it. */
export async function stateOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
  } catch (error) {
    return codeOf(error) ?? messageOf(error)
  }
}
