// Loaded into the gateway by --import: tells its parent which resources the process uses after a garbage collection.
import { subscribe } from 'node:diagnostics_channel'
import type { EventEmitter } from 'node:events'
import { type Server, Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { queryObjects, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

export interface Held {
  /** Bytes. */
  readonly rss: number
  /** Bytes of objects and of buffers. */
  readonly heap: number
  /** Counts by name: handles by kind, listeners of the process and of each server, objects by class. */
  readonly counts: Readonly<Record<string, number>>
}

type Class = Parameters<typeof queryObjects>[0]

if (process.send) {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const servers: Server[] = []
  // a TLSSocket is a Socket too; each search takes half a second
  const classes = new Map<string, Class>([['Socket', Socket]])
  subscribe('tracing:net.server.listen:asyncStart', (message) => {
    const { server } = message as { server: Server }
    servers.push(server)
    // Node does not export it
    server.once('session', (session) => classes.set(session.constructor.name, session.constructor))
  })
  let warnings = 0
  process.on('warning', () => {
    warnings += 1
  })

  async function look(): Promise<Held> {
    // the second collection frees what finalizers released
    for (let time = 0; time < 2; time++) {
      collect()
      await nextTurn()
    }
    const { rss, heapUsed, external } = process.memoryUsage()
    const counts: Record<string, number> = { warnings, 'listeners of the process': count(process) }
    for (const [index, server] of servers.entries())
      counts[`listeners of server ${index + 1}`] = count(server)
    for (const kind of process.getActiveResourcesInfo()) {
      // pending work rather than handles: from this probe and from watched files
      if (/Immediate|Req/.test(kind)) continue
      counts[`handles ${kind}`] = (counts[`handles ${kind}`] ?? 0) + 1
    }
    for (const [name, each] of classes)
      counts[`objects ${name}`] = queryObjects(each, { format: 'count' })
    return { rss, heap: heapUsed + external, counts }
  }

  process.on('message', (question) => {
    if (question === 'held') void look().then((held) => process.send?.(held))
  })
  // ends the gateway if the soak was killed
  process.on('disconnect', () => process.exit())
  process.channel?.unref()
}

function count(emitter: EventEmitter): number {
  return emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0)
}
