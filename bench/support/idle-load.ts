// The load generator of bench/memory.ts: MQTT clients that do nothing.
import type { TLSSocket } from 'node:tls'
import { answerJobs } from './child.ts'
import { connectPeers, contextOf } from './peer.ts'

export type IdleJob =
  | {
      readonly kind: 'open'
      readonly port: number
      readonly count: number
      readonly readerDirectory: string
    }
  | { readonly kind: 'close' }

/** A client that the server disconnects would make the others look smaller. */
function ended(): void {
  process.stderr.write('the server closed a connection\n')
  process.exit(1)
}

let sockets: TLSSocket[] = []

answerJobs(async (job: IdleJob): Promise<null> => {
  if (job.kind === 'close') {
    for (const socket of sockets) socket.off('close', ended).destroy()
    sockets = []
    return null
  }
  const context = contextOf(job.readerDirectory)
  sockets = await connectPeers(job.count, (n) => ({
    port: job.port,
    context,
    clientId: `idle-${n}`,
    subscribe: { topic: `bench/${n}/t`, qos: 1 },
  }))
  for (const socket of sockets) socket.on('error', () => {}).once('close', ended)
  return null
})
