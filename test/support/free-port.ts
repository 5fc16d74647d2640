import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Ports below those that systems assign to connections and to listeners on port 0. */
const LOWEST = 20_000
const HIGHEST = 30_000

/**
 * A free port of the loopback interface. It stays free while its listener is restarted, as systems do not
 * assign it.
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
