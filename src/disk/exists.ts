import { statSync } from 'node:fs'
import { codeOf, UsageError } from '../errors.ts'

/** Whether `path` exists. Throws a UsageError when this user may not know. */
export function exists(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined
  } catch (error) {
    if (codeOf(error) !== 'EACCES') return false
    throw new UsageError(
      `this user has no permission to read ${path}: run this command as its owner`,
      { cause: error },
    )
  }
}
