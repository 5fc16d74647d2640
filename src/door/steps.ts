import type { Server, Socket } from 'node:net'

/** What is done with a connection. */
export type Receive = (socket: Socket) => void

/** A step of a connection before its server sees it. It passes the socket to `next`, or destroys it. */
export type Step = (next: Receive) => Receive

/** Makes every connection of `server` go through these steps, in order. */
export function insertSteps(server: Server, steps: readonly Step[]): void {
  if (steps.length === 0) return
  // the server's own listeners, which would begin the handshake at once
  const begin = server.listeners('connection')
  server.removeAllListeners('connection')
  const first = steps.reduceRight<Receive>(
    (next, step) => whileOpen(step(next)),
    whileOpen((socket) => {
      for (const listener of begin) listener.call(server, socket)
    }),
  )
  server.on('connection', (socket: Socket) => {
    // nobody else listens for errors meanwhile
    socket.on('error', ignore)
    first(socket)
  })
}

function whileOpen(receive: Receive): Receive {
  return (socket) => {
    if (!socket.destroyed) receive(socket)
  }
}

function ignore(): void {}
