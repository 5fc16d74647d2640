import { rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { messageOf } from '../errors.ts'
import { shortPath } from './socket-path.ts'

/** What the gateway does for whoever may connect, by the name of the command. `gone` is aborted when they leave before the answer. */
export type AdminCommands = Readonly<Record<string, (gone: AbortSignal) => Promise<unknown>>>

/** A request is one JSON object on a line, and so is its answer. */
export interface AdminRequest {
  readonly command: string
}

export type AdminAnswer = { readonly result: unknown } | { readonly error: string }

/** Longer than any request. */
const MAX_REQUEST = 4_096
const OWNER_ONLY = 0o177

/** Answers on a socket at `path` that only the user of this process can connect to. */
export async function openAdminSocket(
  path: string,
  commands: AdminCommands,
): Promise<AsyncDisposable> {
  // a crash leaves it behind; the store's lock says that no other gateway is there
  await rm(path, { force: true })
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    serve(socket, commands)
  })
  // open until the end, as it is deleted by this name then
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
    // the mode comes with the socket: set later, somebody else could connect in between
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
    const answer = await answerTo(line, commands, gone.signal)
    if (!socket.destroyed) socket.end(`${JSON.stringify(answer)}\n`)
  })
}

async function answerTo(
  line: string,
  commands: AdminCommands,
  gone: AbortSignal,
): Promise<AdminAnswer> {
  try {
    const { command } = JSON.parse(line) as AdminRequest
    const run = Object.hasOwn(commands, command) ? commands[command] : undefined
    if (!run) return { error: `there is no command ${JSON.stringify(command)}` }
    return { result: await run(gone) }
  } catch (error) {
    return { error: messageOf(error) }
  }
}
