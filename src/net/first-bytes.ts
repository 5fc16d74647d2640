import type { Socket } from 'node:net'

/** What the first bytes of a connection mean, and how many of them the next reader does not get; null while more are needed. */
export type Decide<T> = (bytes: Buffer) => { readonly taken: number; readonly says: T } | null

/** Bytes that came before the connection was closed, or the deadline had passed. */
export interface Unfinished {
  readonly ended: 'closed' | 'late'
  readonly bytes: number
}

export interface FirstBytes<T> {
  readonly decide: Decide<T>
  /** Milliseconds that these bytes may take. */
  readonly deadlineMs: number
  /** Called once, with the socket as it was but for the bytes that were taken. */
  readonly onDecided: (says: T) => void
  /** Called instead; the socket is destroyed after it. */
  readonly onUnfinished: (how: Unfinished) => void
}

/** Reads the first bytes of a connection that nobody else reads yet. */
export function readFirstBytes<T>(socket: Socket, options: FirstBytes<T>): void {
  const { decide, deadlineMs, onDecided, onUnfinished } = options
  let bytes: Buffer = Buffer.alloc(0)
  const timer = setTimeout(() => give('late'), deadlineMs).unref()

  function read(): void {
    const chunk: Buffer | null = socket.read()
    if (chunk === null) return
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    const decided = decide(bytes)
    if (!decided) return
    stop()
    if (decided.taken < bytes.length) socket.unshift(bytes.subarray(decided.taken))
    onDecided(decided.says)
  }

  function closed(): void {
    give('closed')
  }

  function give(ended: Unfinished['ended']): void {
    stop()
    onUnfinished({ ended, bytes: bytes.length })
    socket.destroy()
  }

  function stop(): void {
    clearTimeout(timer)
    socket.off('readable', read)
    socket.off('end', closed)
    socket.off('close', closed)
  }

  socket.on('readable', read)
  socket.once('end', closed)
  socket.once('close', closed)
  // what an earlier reader has left is there already, and is not announced again
  read()
}
