import { join } from 'node:path'
import { messageOf, UsageError } from '../errors.ts'
import { ArgumentsError } from './arguments.ts'

/** Where `init` puts what it makes unless it is told otherwise. */
export const USUAL_DIRECTORY = '.wott'

/** The list of viewers that belongs to what `init` made. */
export function viewersFileOf(directory: string): string {
  return join(directory, 'viewers.json')
}

/** Runs `work` on what `init` made. Throws a UsageError that names the directory where its files are damaged. */
export async function inDirectory<T>(directory: string, work: () => Promise<T>): Promise<T> {
  // an empty path would be the working directory
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

/** What crypto and JSON say of a file that is not what it was; a mistake in the program is something else. */
function isDamage(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof UsageError || 'syscall' in error) return false
  return error instanceof SyntaxError || 'code' in error || error.constructor === Error
}

/** `path` as one word of a shell. */
export function shellWord(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
