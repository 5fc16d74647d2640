// Loaded into the gateway by --import: tells its parent what the process holds after a garbage collection.
import { subscribe } from 'node:diagnostics_channel'
import type { EventEmitter } from 'node:events'
import type { Server } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

export interface Held {
  /** Bytes. */
  readonly rss: number
  /** Bytes of objects and of buffers. */
  readonly heap: number
  /** Numbers by name: handles by their kind, listeners of the process and of each server. */
  readonly counts: Readonly<Record<string, number>>
}

if (process.send) {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const servers: Server[] = []
  subscribe('tracing:net.server.listen:asyncStart', (message) => {
    servers.push((message as { server: Server }).server)
  })
  let warnings = 0
  process.on('warning', () => {
    warnings += 1
  })

  async function look(): Promise<Held> {
    // what a finalizer frees is collected by the second one
    for (let time = 0; time < 2; time++) {
      collect()
      await nextTurn()
    }
    const { rss, heapUsed, external } = process.memoryUsage()
    const counts: Record<string, number> = { warnings, 'listeners of the process': count(process) }
    for (const [index, server] of servers.entries())
      counts[`listeners of server ${index + 1}`] = count(server)
    for (const kind of process.getActiveResourcesInfo()) {
      // of the looks themselves
      if (kind === 'Immediate') continue
      counts[`handles ${kind}`] = (counts[`handles ${kind}`] ?? 0) + 1
    }
    return { rss, heap: heapUsed + external, counts }
  }

  process.on('message', (question) => {
    if (question === 'held') void look().then((held) => process.send?.(held))
  })
  process.channel?.unref()
}

function count(emitter: EventEmitter): number {
  return emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0)
}
