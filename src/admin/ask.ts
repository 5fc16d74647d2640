import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { codeOf, UsageError } from '../errors.ts'
import type { AdminAnswer, AdminPiece, AdminRequest } from './protocol.ts'
import { shortPath } from './socket-path.ts'

/** The file name of the socket in the folder of the store. */
export const ADMIN_SOCKET = 'admin.sock'

/** A running gateway refuses what it was asked; the message says why. */
export class AdminRefusal extends Error {
  override readonly name = 'AdminRefusal'
}

/**
 * Asks the gateway that listens at `path`. Resolves with null where none does. Rejects with an AdminRefusal where it
 * refuses, and with a UsageError where this user may not ask.
 */
export async function askGateway(path: string, command: string): Promise<unknown> {
  const socket = await connect(path)
  // the file is missing, or a crash has left it behind
  if (socket === null) return null
  socket.write(`${JSON.stringify({ command } satisfies AdminRequest)}\n`)
  const line = await text(socket)
  if (line === '') throw new AdminRefusal('the gateway stopped before it answered')
  const answer = JSON.parse(line) as AdminAnswer
  if ('error' in answer) throw new AdminRefusal(answer.error)
  return answer.result
}

/**
 * As `askGateway`, for an answer that comes in pieces: null where no gateway listens, otherwise what it lists, as it comes.
 */
export async function listFromGateway<T>(
  path: string,
  request: AdminRequest,
): Promise<AsyncGenerator<T> | null> {
  const socket = await connect(path)
  if (socket === null) return null
  socket.write(`${JSON.stringify(request)}\n`)
  return itemsFrom<T>(socket)
}

async function* itemsFrom<T>(socket: Socket): AsyncGenerator<T> {
  for await (const line of createInterface(socket)) {
    const answer = JSON.parse(line) as AdminAnswer | AdminPiece
    if ('error' in answer) throw new AdminRefusal(answer.error)
    if ('result' in answer) return
    yield* answer.items as readonly T[]
  }
  throw new AdminRefusal('the gateway stopped before it answered')
}

/** Whether a gateway listens at `path`. */
export async function isAnswered(path: string): Promise<boolean> {
  const socket = await connect(path)
  socket?.destroy()
  return socket !== null
}

/** Null where nobody listens. */
async function connect(path: string): Promise<Socket | null> {
  try {
    using short = shortPath(path)
    const socket = createConnection(short.path)
    await once(socket, 'connect')
    return socket
  } catch (error) {
    if (codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM')
      throw new UsageError(
        `this user has no permission to use ${path}: run this command as its owner`,
        {
          cause: error,
        },
      )
    return null
  }
}
