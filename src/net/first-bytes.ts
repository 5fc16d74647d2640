import type { Socket } from 'node:net'

/** What the first bytes of a connection mean, and how many of them the next reader does not get; null while more are needed. */
export type Decide<T> = (bytes: Buffer) => { readonly taken: number; readonly says: T } | null

/** Bytes that came before the connection was closed, or the deadline had passed. */
export interface Unfinished {
  readonly ended: 'closed' | 'late'
  readonly bytes: number
}

/** How the first bytes of connections are read. */
export interface FirstBytes<T> {
  readonly decide: Decide<T>
  /** Milliseconds that these bytes may take. */
  readonly deadlineMs: number
  /** Called once for each connection. It is paused, and its next reader gets all bytes that were not taken. */
  readonly onDecided: (socket: Socket, says: T) => void
  /** Called instead; the socket is destroyed after it. */
  readonly onUnfinished: (socket: Socket, how: Unfinished) => void
}

interface Reading {
  bytes: Buffer
  readonly timer: NodeJS.Timeout
}

const NOTHING = Buffer.alloc(0)

/** Returns a function that reads the first bytes of a connection that nobody else reads yet. */
export function createFirstBytes<T>(options: FirstBytes<T>): (socket: Socket) => void {
  const { decide, deadlineMs, onDecided, onUnfinished } = options
  const key = Symbol('reading')
  type ReadSocket = Socket & { [key]?: Reading | undefined }

  // the same listeners for all connections: new ones would cost each handshake memory and time
  function read(this: ReadSocket, chunk: Buffer): void {
    const reading = this[key] as Reading
    reading.bytes = reading.bytes === NOTHING ? chunk : Buffer.concat([reading.bytes, chunk])
    const { bytes } = reading
    const decided = decide(bytes)
    if (!decided) return
    stop(this)
    this.pause()
    if (decided.taken < bytes.length) this.unshift(bytes.subarray(decided.taken))
    onDecided(this, decided.says)
  }

  function closed(this: ReadSocket): void {
    give(this, 'closed')
  }

  function late(socket: ReadSocket): void {
    give(socket, 'late')
  }

  function give(socket: ReadSocket, ended: Unfinished['ended']): void {
    const { bytes } = stop(socket)
    onUnfinished(socket, { ended, bytes: bytes.length })
    socket.destroy()
  }

  function stop(socket: ReadSocket): Reading {
    const reading = socket[key] as Reading
    socket[key] = undefined
    clearTimeout(reading.timer)
    socket.off('data', read)
    socket.off('end', closed)
    socket.off('close', closed)
    return reading
  }

  return (socket: ReadSocket) => {
    socket[key] = { bytes: NOTHING, timer: setTimeout(late, deadlineMs, socket).unref() }
    socket.on('data', read)
    socket.on('end', closed)
    socket.on('close', closed)
    // an earlier reader has paused it
    socket.resume()
  }
}
