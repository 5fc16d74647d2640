import type { Writable } from 'node:stream'
import { isDeepStrictEqual } from 'node:util'
import type { Access } from '../acl/access.ts'
import type { Broker } from '../broker/broker.ts'
import { GatewayError } from '../errors.ts'
import type { Door, Meter } from '../metrics/meter.ts'
import type { Message } from '../topic/message.ts'
import { type EventFormat, endFrame, eventFrame, gapFrame, HEARTBEAT, RETRY } from './event.ts'
import { deliveryOf, type Entry } from './history.ts'
import { type Hub, type Reader, wants } from './hub.ts'

/** Where a stream is written: an HTTP response of either version. */
export type Sink = Pick<Writable, 'write' | 'end' | 'destroy' | 'writableLength' | 'on' | 'once'>

export interface StreamOptions {
  readonly hub: Hub
  readonly broker: Broker
  readonly meter: Meter
  /** Bytes that may wait for one reader. */
  readonly buffer: number
  /** Told of each reader that is cut off for not keeping up. */
  onSlow(door: Door, id: string): void
  /** Milliseconds that a reader may take nothing while something waits. */
  readonly stall: number
}

export interface StreamRequest {
  readonly filters: readonly string[]
  readonly format: EventFormat
  /** The id of the last event that the reader got; it is given what came since. */
  readonly lastEventId?: string | undefined
  readonly access: Access
  readonly door: Door
  /** Who reads. */
  readonly id: string
  /** Aborted with a GatewayError when the reader may no longer be here. */
  readonly ended?: AbortSignal | undefined
}

export const HEARTBEAT_MS = 20_000
/** No broker takes longer from storing a retained message to handing it on. */
const RECENT_MS = 60_000
/** In place of an id: begin with all of the history. */
const EARLIEST = 'earliest'
/** Ends the id of a retained message that others follow: whoever resumes from it has not got them all. */
const UNFINISHED = '-r'

/**
 * Writes to `sink` what `request` may read, until either side ends: the retained messages, or what came
 * since the reader was last here, then the live ones, without a gap or a repeat.
 */
export async function openStream(
  sink: Sink,
  request: StreamRequest,
  { hub, broker, meter, buffer, stall, onSlow }: StreamOptions,
): Promise<void> {
  const { filters, format, access, door, id, ended, lastEventId } = request
  const { mayReceive } = access
  const { pace } = hub
  // runs while the sink is full
  let stallTimer: NodeJS.Timeout | undefined
  // live events wait here until what came before them is written
  let waiting: Entry[] | null = []
  let waitingBytes = 0
  // a broker stores a retained message before it hands it on, so what was just stored may still come
  const recent = new Map<string, Message>()
  let open = true

  function write(bytes: Buffer): void {
    if (!open) return
    // what waits already counts, and only in a sink that is full: an event larger than the bound is no reason
    if (stallTimer !== undefined && sink.writableLength > buffer) cutOff()
    else if (!sink.write(bytes)) stallTimer ??= setTimeout(cutOff, stall)
  }

  function send(frame: Buffer): void {
    write(frame)
    if (open) meter.delivered(door)
  }

  /** Sends unless it has expired or is a retained message that was sent already. */
  function sendOnce(entry: Entry): void {
    if (entry.expires !== null && entry.expires <= Date.now()) return
    const sent = recent.get(entry.topic)
    recent.delete(entry.topic)
    if (sent === undefined || !isSame(entry, sent)) send(hub.frame(entry, format))
  }

  /** Waits for a sink that is full, so that what is there already is never a reason to cut off. */
  async function drained(): Promise<void> {
    if (stallTimer === undefined) return
    await Promise.race([new Promise<void>((resolve) => sink.once('drain', resolve)), gone])
  }

  /** The reader has the ids of what it got, and may come back for the rest. */
  function cutOff(): void {
    meter.deliveryDropped(door, 'slow_reader')
    onSlow(door, id)
    sink.destroy()
    closed()
  }

  function closed(): void {
    if (!open) return
    open = false
    waiting = null
    recent.clear()
    leave()
    ended?.removeEventListener('abort', dismiss)
    clearInterval(heartbeat)
    clearTimeout(stallTimer)
    meter.streamClosed(door)
  }

  function end(): void {
    write(RETRY)
    sink.end()
    closed()
  }

  function dismiss(): void {
    const { reason } = ended as AbortSignal
    if (reason instanceof GatewayError) write(endFrame(reason.code, reason.message))
    end()
  }

  const reader: Reader = {
    filters,
    mayReceive,
    take(entry) {
      if (waiting === null) return sendOnce(entry)
      waitingBytes += hub.frame(entry, format).length
      if (waitingBytes > buffer) cutOff()
      else waiting.push(entry)
    },
    recheck() {
      if (access.couldReceive(filters)) return
      write(endFrame('read_denied', 'The access control file no longer lets you read any of this.'))
      end()
    },
    end,
  }

  async function sendRetained(position: string, missed: readonly Entry[]): Promise<void> {
    const oldest = Date.now() - RECENT_MS
    const retained = await retainedOf(filters, broker)
    // what was missed, and what was published while they were read, is sent afterwards, and not twice
    const later = new Map<string, Entry[]>()
    const note = (entry: Entry) => {
      if (!retained.has(entry.topic)) return
      const ofTopic = later.get(entry.topic)
      if (ofTopic) ofTopic.push(entry)
      else later.set(entry.topic, [entry])
    }
    for (const entry of missed) {
      while (!pace.take()) await pace.turn()
      note(entry)
    }
    for (const entry of waiting ?? []) note(entry)
    const isLater = (message: Message) =>
      later.get(message.topic)?.some((entry) => isSame(entry, message)) ?? false
    const messages = [...retained.values()].filter(
      (message) => mayReceive(message.topic) && !isLater(message),
    )
    setTimeout(() => recent.clear(), RECENT_MS).unref()
    for (const [index, message] of messages.entries()) {
      while (!pace.take()) await pace.turn()
      if (!open) return
      if (!mayReceive(message.topic)) continue
      if (message.time >= oldest) recent.set(message.topic, message)
      const last = index === messages.length - 1
      send(eventFrame(message, last ? position : `${position}${UNFINISHED}`, format))
      await drained()
    }
  }

  async function sendMissed(entries: readonly Entry[]): Promise<void> {
    for (const entry of entries) {
      while (!pace.take()) await pace.turn()
      if (!open) return
      if (wants(reader, entry.topic)) sendOnce(entry)
      await drained()
    }
  }

  meter.streamOpened(door)
  const unfinished = lastEventId === EARLIEST || (lastEventId?.endsWith(UNFINISHED) ?? false)
  const withoutMark = lastEventId?.endsWith(UNFINISHED)
    ? lastEventId.slice(0, -UNFINISHED.length)
    : lastEventId
  const resumeFrom = lastEventId === EARLIEST ? hub.earliest() : withoutMark
  const { leave, from, gap, missed } = hub.join(reader, resumeFrom)
  const heartbeat = setInterval(() => write(HEARTBEAT), HEARTBEAT_MS)
  const gone = new Promise<void>((resolve) => sink.once('close', resolve))
  sink.once('close', closed)
  sink.on('error', closed)
  sink.on('drain', () => {
    clearTimeout(stallTimer)
    stallTimer = undefined
  })

  if (hub.ended) return end()
  if (ended?.aborted) return dismiss()
  ended?.addEventListener('abort', dismiss)
  write(RETRY)
  // the retained messages come after it
  if (gap) write(gapFrame(`${from}${UNFINISHED}`, lastEventId ?? ''))
  if (gap || resumeFrom === undefined || unfinished)
    // all that is missed or waits comes after the retained messages, so whoever resumes from one of them gets it
    await sendRetained(from, missed)
  await sendMissed(missed)
  const rest = waiting ?? []
  waiting = null
  // the rules may have changed while they waited
  for (const entry of rest) if (mayReceive(entry.topic)) sendOnce(entry)
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

/** Whether they are one message of a topic, without the numbers that retained messages do not have. */
function isSame(entry: Entry, message: Message): boolean {
  const { device, time, characters } = entry
  const { payload } = message
  return (
    time === message.time &&
    device === message.device &&
    characters.length === payload.length &&
    characters === payload.toString('latin1') &&
    isDeepStrictEqual(deliveryOf(entry).properties, message.properties)
  )
}
