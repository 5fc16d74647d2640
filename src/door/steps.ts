import type { Server, Socket } from 'node:net'

/** What a connection goes through before its server sees it: calls `next` when it may go on, or destroys it. */
export type Step = (socket: Socket, next: () => void) => void

/** Has every connection of `server` go through these steps, in their order. */
export function insertSteps(server: Server, steps: readonly Step[]): void {
  if (steps.length === 0) return
  // its own, which would begin the handshake at once
  const begin = server.listeners('connection')
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    // nobody else listens while it waits
    socket.on('error', ignore)
    take(0)

    function take(index: number): void {
      if (socket.destroyed) return
      const step = steps[index]
      if (step) step(socket, () => take(index + 1))
      else for (const listener of begin) listener.call(server, socket)
    }
  })
}

function ignore(): void {}
