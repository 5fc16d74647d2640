import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { messageOf } from '../errors.ts'
import { isAnswered } from './ask.ts'
import type { AdminAnswer, AdminPiece, AdminRequest } from './protocol.ts'
import { shortPath } from './socket-path.ts'

/** What the gateway does for whoever may connect, by the name of the command. `gone` is aborted when they leave before the answer. */
export type AdminCommands = Readonly<Record<string, AdminCommand>>

/** Long answers come in pieces, each of which is a list. */
export type AdminCommand = (
  gone: AbortSignal,
  request: AdminRequest,
) => Promise<unknown> | AsyncIterable<readonly unknown[]>

/** Longer than any request. */
const MAX_REQUEST = 4_096
const OWNER_ONLY = 0o177

/** Answers on a socket at `path` that only the user of this process can connect to. Rejects where another gateway does already. */
export async function openAdminSocket(
  path: string,
  commands: AdminCommands,
): Promise<AsyncDisposable> {
  // a crash may have left it behind
  if (await isAnswered(path)) throw new Error('another gateway is running with it')
  await rm(path, { force: true })
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    serve(socket, commands)
  })
  // stays open until the end, when the socket is deleted by this path
  const short = shortPath(path)
  try {
    await listen(server, short.path)
  } catch (error) {
    short[Symbol.dispose]()
    throw error
  }
  return {
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          short[Symbol.dispose]()
          resolve()
        })
        for (const socket of sockets) socket.destroy()
      }),
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // set with the socket itself: before a later chmod somebody else could connect
    const before = process.umask(OWNER_ONLY)
    try {
      server.listen(path, resolve)
    } finally {
      process.umask(before)
    }
  })
}

function serve(socket: Socket, commands: AdminCommands): void {
  const gone = new AbortController()
  socket.on('error', () => {})
  socket.once('close', () => gone.abort())
  let received = 0
  socket.on('data', (bytes: Buffer) => {
    received += bytes.length
    if (received > MAX_REQUEST) socket.destroy()
  })
  createInterface(socket).once('line', async (line) => {
    const answer = await answerTo(line, commands, gone.signal, socket)
    if (!socket.destroyed) socket.end(`${JSON.stringify(answer)}\n`)
  })
}

/** Waits for a slow reader, so that only one piece is in memory. */
async function write(socket: Socket, piece: AdminPiece, gone: AbortSignal): Promise<void> {
  if (!socket.write(`${JSON.stringify(piece)}\n`)) await once(socket, 'drain', { signal: gone })
}

async function answerTo(
  line: string,
  commands: AdminCommands,
  gone: AbortSignal,
  socket: Socket,
): Promise<AdminAnswer> {
  try {
    const request = JSON.parse(line) as AdminRequest
    const { command } = request
    const run = Object.hasOwn(commands, command) ? commands[command] : undefined
    if (!run) return { error: `unknown command ${JSON.stringify(command)}` }
    const answer = run(gone, request)
    if (!(Symbol.asyncIterator in answer)) return { result: await answer }
    for await (const items of answer) await write(socket, { items }, gone)
    return { result: null }
  } catch (error) {
    return { error: messageOf(error) }
  }
}
