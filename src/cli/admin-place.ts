import { join } from 'node:path'
import { ADMIN_SOCKET } from '../admin/ask.ts'
import { adminSockets } from '../admin/place.ts'
import { SETTINGS } from '../config/schema.ts'
import { exists } from '../disk/exists.ts'
import { UsageError } from '../errors.ts'
import { USUAL_DIRECTORY } from './directory.ts'

export const SOCKET = {
  type: 'string',
  value: 'FILE',
  help: 'admin socket of the gateway [from WOTT_ADMIN_SOCKET, WOTT_BROKER or WOTT_VIEWERS_FILE; otherwise in .wott/data, .wott or data]',
} as const

/** The sockets at which the gateway may answer, the likeliest first. */
export function whichSockets(given: string | undefined): string[] {
  if (given !== undefined) return [SETTINGS.adminSocket.parse(given) ?? given]
  const { WOTT_ADMIN_SOCKET, WOTT_BROKER, WOTT_VIEWERS_FILE } = process.env
  if (WOTT_ADMIN_SOCKET === 'off')
    throw new UsageError('WOTT_ADMIN_SOCKET is off, so this command cannot reach the gateway')
  if (WOTT_ADMIN_SOCKET) return [WOTT_ADMIN_SOCKET]
  if (WOTT_BROKER || WOTT_VIEWERS_FILE) {
    const broker = WOTT_BROKER ? SETTINGS.broker.parse(WOTT_BROKER) : null
    const folder = broker?.kind === 'file' ? broker.path : null
    const viewersFile = WOTT_VIEWERS_FILE || (SETTINGS.viewersFile.fallback as string)
    return adminSockets({ folder, wanted: undefined, viewersFile })
  }
  const made = [join(USUAL_DIRECTORY, 'data'), USUAL_DIRECTORY].filter(exists)
  return [...made, 'data'].map((folder) => join(folder, ADMIN_SOCKET))
}
