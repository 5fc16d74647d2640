import { Writable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { type Access, createAccess } from '../../src/acl/access.ts'
import type { Broker, BrokerLog } from '../../src/broker/broker.ts'
import type { Delivery } from '../../src/broker/delivery.ts'
import { createRouting } from '../../src/broker/routing.ts'
import { createEventIds } from '../../src/live/event-ids.ts'
import { createHeartbeats } from '../../src/live/heartbeat.ts'
import { createHub, type Hub } from '../../src/live/hub.ts'
import { createHistory } from '../../src/live/memory-history.ts'
import { openStream, type StreamRequest } from '../../src/live/stream.ts'
import { silentMeter } from '../../src/metrics/meter.ts'
import { aclOf } from './acl.ts'
import { UNLIMITED } from './memory.ts'
import { delivery as numbered } from './message.ts'

const sinks: Writable[] = []

/** Closes all streams, as an open one keeps the process from ending. */
export async function closeStreams(): Promise<void> {
  for (const sink of sinks.splice(0)) sink.destroy()
  // "close" comes a turn later
  await setImmediate()
}

let sequence = 0

/** The number of the latest message. */
export const latestNumber = () => sequence

/** A message with the next number of this test file. */
export function delivery(payload: string, more: Partial<Delivery> = {}): Delivery {
  sequence += 1
  const now = Date.now()
  const live = { device: 'd', retain: true, time: now, received: now }
  return { ...numbered(sequence, 'a', payload, live), ...more }
}

/** Access of a reader that may read what `filter` covers. */
export function accessTo(filter: string): Access {
  return createAccess(aclOf(`topic read ${filter}\n`), { user: null, clientId: '' })
}

interface Options extends Pick<StreamRequest, 'ended' | 'heartbeat' | 'lastEventId'> {
  filters?: readonly string[]
  retained?: Promise<Delivery[]>
  log?: Partial<BrokerLog>
  bufferBytes?: number
  stallMs?: number
  hub?: FedHub
  access?: Access
}

export const ids = createEventIds('e')

export interface FedHub extends Hub {
  /** What failing readers have thrown. */
  readonly failures: readonly unknown[]
  /** Delivers a message as the broker does. */
  deliver(delivery: Delivery): void
  /** Called while the broker takes a subscription. */
  whileSubscribing(): void
  /** The filters that were subscribed to. */
  readonly subscribed: readonly (readonly string[])[]
}

/** A hub that begins after all messages so far, and keeps that many in memory. */
export function newHub(messages = 10_000): FedHub {
  const routing = createRouting()
  const history = createHistory(sequence, { messages, bytes: 1_000_000 }, ids.of)
  const subscribed: (readonly string[])[] = []
  const failures: unknown[] = []
  const subscribe: Broker['subscribe'] = async (filters, onMessage) => {
    hub.whileSubscribing()
    routing.listen(filters, onMessage)
    subscribed.push(filters)
    hub.whileSubscribing()
    return async () => {
      routing.unlisten(filters, onMessage)
      subscribed.splice(subscribed.indexOf(filters), 1)
    }
  }
  const hub: FedHub = Object.assign(
    createHub(history, ids, subscribe, (error) => failures.push(error)),
    {
      failures,
      // a clock that tests can set
      heartbeats: createHeartbeats(Date.now),
      deliver(delivery: Delivery) {
        for (const listener of routing.of(delivery.topic).listeners) listener(delivery)
      },
      whileSubscribing() {},
      subscribed,
    },
  )
  routing.listenToAll(hub.note)
  return hub
}

/** Prepares a stream of all topics, which `stream` opens, into a sink that accepts as much as the test allows. */
export function prepareStream(options: Options = {}) {
  const {
    retained = Promise.resolve([]),
    bufferBytes = 1_000_000,
    stallMs = 1000,
    hub = newHub(),
    access = accessTo('#'),
    log = {},
    filters = ['#'],
    ended,
    heartbeat = null,
    lastEventId,
  } = options
  // by default everything else is in memory
  const brokerLog = { oldest: hub.earliest, gapsAfter: () => [], now: Date.now, ...log }
  const counted: string[] = []
  const taken: string[] = []
  let proceed: (() => void) | null = null
  let shut = false
  const sink = new Writable({
    highWaterMark: 100,
    write(chunk, _encoding, done) {
      taken.push(String(chunk))
      if (shut) proceed = done
      else done()
    },
  })
  sinks.push(sink)
  const stream = () =>
    openStream(
      { to: sink, response: sink },
      {
        filters,
        format: 'raw',
        door: 'device',
        id: 'reader',
        access,
        ended,
        heartbeat,
        lastEventId,
        hold: UNLIMITED.memory.open('reader', 'stream'),
      },
      {
        hub,
        bufferBytes,
        stallMs,
        onSlow: (door, id) => counted.push(`${door} ${id}`),
        broker: { retained: () => retained, log: brokerLog } as unknown as Broker,
        meter: {
          ...silentMeter,
          streamOpened: () => counted.push('opened'),
          streamClosed: () => counted.push('closed'),
          deliveryDropped: (_door, reason) => counted.push(reason),
        },
      },
    )
  return {
    hub,
    sink,
    counted,
    stream,
    /** The payloads so far. */
    payloads: () =>
      taken.flatMap((frame) => (frame.startsWith('id') ? [frame.split('data: ')[1]?.trim()] : [])),
    raw: () => taken.join(''),
    shut() {
      shut = true
    },
    letGo() {
      shut = false
      proceed?.()
    },
  }
}
