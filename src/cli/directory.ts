import { join } from 'node:path'
import { messageOf, UsageError } from '../errors.ts'
import { ArgumentsError } from './arguments.ts'

/** The default directory of `init`. */
export const USUAL_DIRECTORY = '.wott'

/** The list of viewers that belongs to a directory made by `init`. */
export function viewersFileOf(directory: string): string {
  return join(directory, 'viewers.json')
}

/** Runs `work` on a directory made by `init`. Throws a UsageError that names the directory if its files are damaged. */
export async function inDirectory<T>(directory: string, work: () => Promise<T>): Promise<T> {
  // an empty path would mean the working directory
  if (directory === '') throw new ArgumentsError('DIR must not be empty')
  try {
    return await work()
  } catch (error) {
    if (!isDamage(error)) throw error
    throw new UsageError(
      `${directory} is damaged: ${messageOf(error)}; restore the file, or move ${directory} away to start again`,
      { cause: error },
    )
  }
}

/** Whether an error of crypto or JSON means a damaged file; other errors are mistakes in the program. */
function isDamage(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof UsageError || 'syscall' in error) return false
  return error instanceof SyntaxError || 'code' in error || error.constructor === Error
}

/** `path` as one word of a shell. */
export function shellWord(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
