import { once } from 'node:events'
import { lstat, rm } from 'node:fs/promises'
import { connect, type Server } from 'node:net'
import type { Door } from '../door-table.ts'
import { codeOf, messageOf, UsageError } from '../errors.ts'

/** All but the owner and the group. */
const NOT_FOR_OTHERS = 0o117

/** Listens on a Unix socket that this user and its group may connect to. Throws a UsageError that names the door and the path. */
export async function listenOnSocket(server: Server, path: string, door: Door): Promise<void> {
  try {
    await removeAbandoned(path)
    const listening = once(server, 'listening')
    // the mode comes with the socket: set later, somebody else could connect in between
    const before = process.umask(NOT_FOR_OTHERS)
    try {
      server.listen(path)
    } finally {
      process.umask(before)
    }
    await listening
  } catch (error) {
    throw new UsageError(`the ${door} door cannot listen on unix:${path}: ${explain(error)}`)
  }
}

/** A gateway that was killed leaves its socket behind, and nobody can listen where one is. */
async function removeAbandoned(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null)
  if (!found) return
  if (!found.isSocket()) throw new Error('a file that is not a socket exists there')
  if (await isInUse(path)) throw new Error('another program already listens there')
  await rm(path)
}

async function isInUse(path: string): Promise<boolean> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return true
  } catch (error) {
    return codeOf(error) !== 'ECONNREFUSED'
  } finally {
    socket.destroy()
  }
}

function explain(error: unknown): string {
  switch (codeOf(error)) {
    // libuv says the same of a folder that is not there
    case 'EACCES':
      return 'the folder does not exist, or this user has no permission to write to it'
    case 'EINVAL':
      return 'the path is too long for a socket'
    default:
      return messageOf(error)
  }
}
