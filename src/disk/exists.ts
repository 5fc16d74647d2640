import { statSync } from 'node:fs'
import { codeOf, UsageError } from '../errors.ts'

/** Whether there is something at `path`. Throws a UsageError where this user may not look. */
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
