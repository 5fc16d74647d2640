import { dirname, join } from 'node:path'
import { ADMIN_SOCKET } from './ask.ts'

export interface AdminPlace {
  /** The folder of the store; null where the broker has none. */
  readonly folder: string | null
  /** Where the operator wants it: null for nowhere, undefined where nobody says. */
  readonly wanted: string | null | undefined
  readonly viewersFile: string
}

/** Where a gateway answers: with a store always in its folder too, for the commands that are about it. */
export function adminSockets({ folder, wanted, viewersFile }: AdminPlace): string[] {
  if (wanted === null) return []
  const inFolder = folder === null ? [] : [join(folder, ADMIN_SOCKET)]
  const usual = inFolder[0] ?? join(dirname(viewersFile), ADMIN_SOCKET)
  return [...new Set([...inFolder, wanted ?? usual])]
}
