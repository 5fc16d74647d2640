import { dirname, join } from 'node:path'
import { ADMIN_SOCKET } from './ask.ts'

export interface AdminPlace {
  /** The folder of the store; null where the broker has none. */
  readonly folder: string | null
  /** WOTT_ADMIN_SOCKET: null for nowhere, undefined where it is not set. */
  readonly wanted: string | null | undefined
  readonly viewersFile: string
}

/** The paths of its sockets. A gateway with a store always has one in the folder of the store, for the commands about it. */
export function adminSockets({ folder, wanted, viewersFile }: AdminPlace): string[] {
  if (wanted === null) return []
  const inFolder = folder === null ? [] : [join(folder, ADMIN_SOCKET)]
  const usual = inFolder[0] ?? join(dirname(viewersFile), ADMIN_SOCKET)
  return [...new Set([...inFolder, wanted ?? usual])]
}
