import { join } from 'node:path'
import { ADMIN_SOCKET, AdminRefusal, askGateway } from '../admin/ask.ts'
import { SETTINGS } from '../config/schema.ts'
import { exists } from '../disk/exists.ts'
import { UsageError } from '../errors.ts'
import { ArgumentsError } from './arguments.ts'
import { CommandFailure } from './command.ts'
import { USUAL_DIRECTORY } from './directory.ts'

export const STORE = {
  type: 'string',
  value: 'DIR',
  help: 'folder of the store [the one in WOTT_BROKER, else .wott/data, else data]',
} as const

/** The folder of the store. Throws a UsageError if `WOTT_BROKER` names none. */
export function whichStore(given: string | undefined): string {
  if (given === '') throw new ArgumentsError('DIR must not be empty')
  if (given !== undefined) return given
  const setting = process.env.WOTT_BROKER
  if (setting) return folderOf(setting)
  const made = join(USUAL_DIRECTORY, 'data')
  return exists(made) ? made : folderOf(SETTINGS.broker.fallback as string)
}

function folderOf(setting: string): string {
  const address = SETTINGS.broker.parse(setting)
  if (address.kind === 'file') return address.path
  throw new UsageError(
    address.kind === 'memory'
      ? 'WOTT_BROKER is memory:, which stores nothing on disk; name a folder'
      : 'WOTT_BROKER is another broker, which stores the messages itself; name a folder',
  )
}

/** Asks the gateway that has the store open; null if no gateway has. */
export async function askOwner<T>(directory: string, command: string): Promise<T | null> {
  try {
    return (await askGateway(join(directory, ADMIN_SOCKET), command)) as T | null
  } catch (error) {
    if (error instanceof AdminRefusal)
      throw new CommandFailure(`the gateway refused: ${error.message}`)
    throw error
  }
}
