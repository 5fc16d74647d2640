import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import { framesOf, type StreamEvent } from '../support/clients.ts'
import type { KillableGateway } from './gateway.ts'

const SILENCE_MS = 30_000
const RETRY_MS = 20

/** The events of one connection after the given id. Ends with the connection; empty if there is none. */
export async function* eventsOf(
  {
    device,
    ports,
  }: Pick<KillableGateway, 'device'> & { readonly ports: { readonly https: number } },
  path: string,
  lastEventId?: string,
  signal?: AbortSignal,
): AsyncGenerator<StreamEvent> {
  const { ca, certificate: cert, key } = device
  const sent = request({
    host: 'localhost',
    port: ports.https,
    path,
    ca,
    cert,
    key,
    agent: false,
    headers: { accept: 'text/event-stream', ...(lastEventId && { 'last-event-id': lastEventId }) },
    ...(signal && { signal }),
  }).on('error', () => {})
  try {
    const [response] = await once(sent.end(), 'response')
    yield* framesOf(response)
  } catch {
    // the gateway is not running
  } finally {
    sent.destroy()
  }
}

/** The events of one stream, over all its connections. */
export interface StreamReader extends Disposable {
  /** How often each payload came. */
  readonly seen: ReadonlyMap<string, number>
  readonly faults: readonly string[]
  /** The ids of its messages, in order. */
  readonly ids: readonly string[]
  /** The reason of each gap event. */
  readonly gaps: readonly string[]
  /** Resolves once all of these have come. */
  has(payloads: Iterable<string>): Promise<void>
  /** Resolves once anything has come. */
  begun(): Promise<void>
}

/** A stream of `drill/#` that resumes with its last id after every crash of the gateway. */
export function startStream(gateway: KillableGateway, lastEventId?: string): StreamReader {
  const seen = new Map<string, number>()
  const lastOf = new Map<string, number>()
  const faults: string[] = []
  const ids: string[] = []
  const gaps: string[] = []
  const stop = new AbortController()
  let last = lastEventId
  let more = Promise.withResolvers<void>()

  function take({ event = 'message', id = '', data }: StreamEvent): void {
    const before = last
    last = id
    if (event === 'gap') gaps.push(data)
    else if (event === 'message') takeMessage(id, JSON.parse(data), before)
    else faults.push(`${event}: ${data}`)
    more.resolve()
    more = Promise.withResolvers()
  }

  function takeMessage(id: string, message: { topic: string; payload: string }, before = ''): void {
    const { topic, payload } = message
    seen.set(payload, (seen.get(payload) ?? 0) + 1)
    ids.push(id)
    if (numberOf(id) <= numberOf(before)) faults.push(`${id} came after ${before}`)
    // an unacknowledged message is sent again before the next one
    const number = numberOf(payload)
    if (number < (lastOf.get(topic) ?? 0)) faults.push(`${payload} is out of order`)
    lastOf.set(topic, number)
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      for await (const event of eventsOf(gateway, '/stream?filter=drill/%23', last, stop.signal))
        take(event)
      await pause(RETRY_MS)
    }
  }

  async function next(): Promise<void> {
    const timer = AbortSignal.timeout(SILENCE_MS)
    const silence = Promise.withResolvers<void>()
    timer.addEventListener('abort', () => silence.resolve())
    await Promise.race([more.promise, silence.promise])
    if (timer.aborted) throw new Error(`a stream went silent after ${last}`)
  }

  void run()
  return {
    seen,
    faults,
    ids,
    gaps,
    async has(payloads) {
      for (const payload of payloads)
        while (!seen.has(payload))
          await next().catch((error) => assert.fail(`${payload} did not come: ${error.message}`))
    },
    async begun() {
      while (ids.length === 0) await next()
    },
    [Symbol.dispose]: () => stop.abort(),
  }
}

function numberOf(id: string): number {
  return Number(/-(\d+)(?:-r)?$/.exec(id)?.[1] ?? -1)
}
