import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { setTimeout } from 'node:timers/promises'
import { connectAsync } from 'mqtt'
import type { Ground } from './ground.ts'
import { EPOCH } from './growth-store.ts'
import type { Server } from './servers.ts'

/** Milliseconds to the first and the last byte of an answer, and its size in bytes. */
export interface Answer {
  readonly first: number
  readonly whole: number
  readonly bytes: number
}

async function get(
  { httpsPort: port }: Server,
  { reader: { ca, certificate: cert, key } }: Ground,
  path: string,
  headers: Record<string, string> = {},
): Promise<IncomingMessage> {
  const agent = new Agent({ keepAlive: false })
  const sent = request({ host: '127.0.0.1', port, path, headers, ca, cert, key, agent }).end()
  const [response] = await once(sent, 'response')
  if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode}`)
  return response
}

/** Reads an answer of history to its end. */
export async function readHistory(server: Server, ground: Ground, query: string): Promise<Answer> {
  const start = performance.now()
  const response = await get(server, ground, `/history?${query}`)
  let bytes = 0
  let first = 0
  for await (const chunk of response) {
    first ||= performance.now() - start
    bytes += chunk.length
  }
  return { first, whole: performance.now() - start, bytes }
}

const ID = '\nid: '

/** Resumes a stream from the first message until it has `events` events. Returns events per second. */
export async function resume(
  server: Server,
  ground: Ground,
  filter: string,
  events: number,
): Promise<number> {
  const start = performance.now()
  const response = await get(server, ground, `/stream?filter=${encodeURIComponent(filter)}`, {
    'last-event-id': `${EPOCH}-0`,
  })
  let got = 0
  let rest = ''
  for await (const chunk of response.setEncoding('latin1')) {
    const text: string = rest + chunk
    for (let at = text.indexOf(ID); at >= 0; at = text.indexOf(ID, at + 1)) got += 1
    if (got >= events) break
    rest = text.slice(1 - ID.length)
  }
  response.destroy()
  if (got < events) throw new Error(`the stream of ${filter} ended after ${got} events`)
  return (got / (performance.now() - start)) * 1000
}

/** Measures how long QoS 1 messages wait for their PUBACK, at 1,000 per second, while `isGoingOn`. */
export async function publishing(
  server: Server,
  { sensor: { ca, certificate, key } }: Ground,
  isGoingOn: () => boolean,
): Promise<number[]> {
  const client = await connectAsync(`mqtts://localhost:${server.port}`, {
    ca,
    cert: certificate,
    key,
    clientId: 'growth',
    reconnectPeriod: 0,
  })
  const took: number[] = []
  const underway: Promise<unknown>[] = []
  const start = performance.now()
  let sent = 0
  while (isGoingOn()) {
    for (; sent < performance.now() - start; sent++) {
      const begin = performance.now()
      const answered = client.publishAsync(`other/${sent % 100}`, 'x'.repeat(100), { qos: 1 })
      underway.push(answered.then(() => took.push(performance.now() - begin)))
    }
    await setTimeout(1)
  }
  await Promise.all(underway)
  await client.endAsync()
  return took.sort((a, b) => a - b)
}
