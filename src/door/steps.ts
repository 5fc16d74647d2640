import type { Server, Socket } from 'node:net'

/** A step of a connection before its server sees it. It calls `next`, or destroys the socket. */
export type Step = (socket: Socket, next: () => void) => void

/** Makes every connection of `server` go through these steps, in order. */
export function insertSteps(server: Server, steps: readonly Step[]): void {
  if (steps.length === 0) return
  // the server's own listeners, which would begin the handshake at once
  const begin = server.listeners('connection')
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    // nobody else listens for errors meanwhile
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
