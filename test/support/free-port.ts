import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below the ports that systems give to connections and to listeners on port 0. */
const LOWEST = 20_000
const HIGHEST = 30_000

/**
 * A port of the loopback interface on which nobody listens. It is also free later, while what listens on it is restarted:
 * only who asks for it by its number gets it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST, HIGHEST)
    const server = createServer().listen(port, '127.0.0.1')
    try {
      await once(server, 'listening')
    } catch {
      continue // taken
    }
    server.close()
    await once(server, 'close')
    return port
  }
}
