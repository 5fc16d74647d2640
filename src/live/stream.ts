import type { Writable } from 'node:stream'
import type { Access } from '../acl/access.ts'
import type { Broker, Delivery } from '../broker/broker.ts'
import type { Door, Meter } from '../metrics/meter.ts'
import type { Message } from '../topic/message.ts'
import { createEvent, type EventFormat, HEARTBEAT, type LiveEvent, RETRY } from './event.ts'
import type { Hub, Reader } from './hub.ts'

/** Where a stream is written: an HTTP response of either version. */
export type Sink = Pick<Writable, 'write' | 'end' | 'destroy' | 'writableLength' | 'on' | 'once'>

export interface StreamOptions {
  readonly hub: Hub
  readonly broker: Broker
  readonly meter: Meter
  /** Bytes that may wait for one reader. */
  readonly buffer: number
  /** Milliseconds that a reader may take nothing while something waits. */
  readonly stall: number
}

export interface StreamRequest {
  readonly filters: readonly string[]
  readonly format: EventFormat
  readonly access: Access
  readonly door: Door
}

const HEARTBEAT_MS = 20_000

/** Writes to `sink` what `request` may read: the retained messages, then the live ones without a gap or a repeat, until either side ends. */
export async function openStream(
  sink: Sink,
  request: StreamRequest,
  { hub, broker, meter, buffer, stall }: StreamOptions,
): Promise<void> {
  const { filters, format, access, door } = request
  let stallTimer: NodeJS.Timeout | undefined
  // live events wait here until the retained ones are written
  let waiting: { event: LiveEvent; delivery: Delivery }[] | null = []
  let waitingBytes = 0
  let open = true

  function write(bytes: Buffer): void {
    if (!open) return
    if (sink.writableLength + bytes.length > buffer) cutOff()
    else if (!sink.write(bytes)) stallTimer ??= setTimeout(cutOff, stall)
  }

  function send(event: LiveEvent): void {
    write(event.frame(format))
    if (open) meter.delivered(door)
  }

  /** The reader has the ids of what it got, and may come back for the rest. */
  function cutOff(): void {
    meter.deliveryDropped(door, 'slow_reader')
    sink.destroy()
    closed()
  }

  function closed(): void {
    if (!open) return
    open = false
    waiting = null
    leave()
    clearInterval(heartbeat)
    clearTimeout(stallTimer)
    meter.streamClosed(door)
  }

  const reader: Reader = {
    filters,
    mayReceive: access.mayReceive,
    take(event, delivery) {
      if (waiting === null) return send(event)
      waitingBytes += delivery.payload.length
      if (waitingBytes > buffer) cutOff()
      else waiting.push({ event, delivery })
    },
    end() {
      write(RETRY)
      sink.end()
      closed()
    },
  }

  meter.streamOpened(door)
  const leave = hub.join(reader)
  const heartbeat = setInterval(() => write(HEARTBEAT), HEARTBEAT_MS)
  const gone = new Promise<void>((resolve) => sink.once('close', resolve))
  sink.once('close', closed)
  sink.on('error', closed)
  sink.on('drain', () => {
    clearTimeout(stallTimer)
    stallTimer = undefined
  })

  write(RETRY)
  const retained = await retainedOf(filters, broker)
  // what was published while they were read is waiting, and is not sent twice
  const live = new Map(waiting?.map(({ delivery }) => [identityOf(delivery), delivery]))
  for (const message of retained.values()) {
    if (!open) return
    if (!access.mayReceive(message.topic) || live.has(identityOf(message))) continue
    send(createEvent(message, hub.position()))
    if (sink.writableLength > buffer / 2) await Promise.race([drained(sink), gone])
  }
  const missed = waiting ?? []
  waiting = null
  for (const { event } of missed) send(event)
}

function drained(sink: Sink): Promise<void> {
  return new Promise((resolve) => sink.once('drain', resolve))
}

async function retainedOf(
  filters: readonly string[],
  broker: Broker,
): Promise<Map<string, Message>> {
  const found = new Map<string, Message>()
  for (const filter of filters)
    for (const message of await broker.retained(filter)) found.set(message.topic, message)
  return found
}

/** Tells one message from the next without the numbers that retained messages do not have. */
function identityOf({ topic, device, time, payload }: Message): string {
  return `${topic}\0${device}\0${time}\0${payload.toString('latin1')}`
}
