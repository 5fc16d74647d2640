import type { Writable } from 'node:stream'
import type { Access } from '../acl/access.ts'
import type { Broker, Delivery } from '../broker/broker.ts'
import type { Hold } from '../budget/ledger.ts'
import { GatewayError } from '../errors.ts'
import type { Door, Meter } from '../metrics/meter.ts'
import {
  type EventFormat,
  endFrame,
  eventFrame,
  type GapCause,
  gapFrame,
  gapFrameWithin,
  HEARTBEAT,
  heartbeatFrame,
  RETRY,
} from './event.ts'
import type { Entry } from './history.ts'
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
  /** Seconds between two events named `heartbeat`, which take the place of the comments. */
  readonly heartbeat?: number | null
  readonly access: Access
  readonly door: Door
  /** Counts what waits for it. */
  readonly hold: Pick<Hold, 'resize'>
  /** Who reads. */
  readonly id: string
  readonly address?: string | undefined
  /** Aborted with a GatewayError when the reader may no longer be here. */
  readonly ended?: AbortSignal | undefined
}

export const HEARTBEAT_MS = 20_000
/** In place of an id: begin with all of the history. */
const EARLIEST = 'earliest'
/** Ends the id of a retained message that others follow: whoever resumes from it has not got them all. */
const UNFINISHED = '-r'

/** Where a stream begins. */
interface Beginning {
  /** The reader has all up to this number, but for the retained messages. */
  readonly number: number
  /** Whether the retained messages come first. */
  readonly hasRetained: boolean
  /** Why something may be missing. */
  readonly gaps: readonly GapCause[]
}

/**
 * Writes to `sink` what `request` may read, until either side ends: the retained messages, or what came
 * since the reader was last here, then the live ones, without a gap or a repeat.
 */
export async function openStream(
  sink: Sink,
  request: StreamRequest,
  { hub, broker, meter, buffer, stall, onSlow }: StreamOptions,
): Promise<void> {
  const { filters, format, access, door, id, address, ended, lastEventId, hold } = request
  const heartbeatSeconds = request.heartbeat ?? null
  const { mayReceive } = access
  const { pace, ids } = hub
  // runs while the sink is full
  let stallTimer: NodeJS.Timeout | undefined
  // live events wait here until what came before them is written
  let waiting: Entry[] | null = []
  let waitingBytes = 0
  let open = true

  function write(bytes: Buffer): void {
    if (!open) return
    // what waits already counts, and only in a sink that is full: an event larger than the bound is no reason
    if (stallTimer !== undefined && sink.writableLength > buffer) cutOff()
    else if (!sink.write(bytes)) {
      stallTimer ??= setTimeout(cutOff, stall).unref()
      if (!hasRoom()) cutOff()
    }
  }

  function hasRoom(): boolean {
    return hold.resize(waitingBytes + sink.writableLength)
  }

  function send(frame: Buffer): void {
    write(frame)
    if (open) meter.delivered(door)
  }

  function sendEntry(entry: Entry): void {
    if (!isExpired(entry, broker.log.now)) send(hub.frame(entry, format))
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
    hold.resize(0)
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
    if (reason instanceof GatewayError) refuse(reason)
    else end()
  }

  /** Ends it for good: to come back would not help. */
  function refuse({ code, message }: GatewayError): void {
    write(endFrame(code, message))
    end()
  }

  const reader: Reader = {
    from: { door, id, address, since: Date.now() },
    filters,
    mayReceive,
    take(entry) {
      if (waiting === null) return sendEntry(entry)
      waitingBytes += hub.frame(entry, format).length
      if (waitingBytes > buffer || !hasRoom()) cutOff()
      else waiting.push(entry)
    },
    refuse,
    missed(seconds) {
      write(gapFrameWithin(ids.of(hub.latest()), 'broker_away', seconds))
    },
    recheck() {
      if (access.couldReceive(filters)) return
      write(endFrame('read_denied', 'The access control file no longer lets you read any of this.'))
      end()
    },
    end,
  }

  /** Those up to a number; all later ones come with what follows. */
  async function sendRetained(number: number): Promise<void> {
    const messages = (await retainedOf(filters, broker)).filter(
      ({ topic, sequence }) => sequence <= number && mayReceive(topic),
    )
    for (const [index, message] of messages.entries()) {
      while (!pace.take()) await pace.turn()
      if (!open) return
      if (!mayReceive(message.topic)) continue
      const last = index === messages.length - 1
      send(eventFrame(message, `${ids.of(number)}${last ? '' : UNFINISHED}`, format))
      await drained()
    }
  }

  /** What came after a number, up to where memory begins; returns the number that it came to. */
  async function sendStored(number: number): Promise<number> {
    let reached = number
    /** Says so where messages that were to come are gone by now. */
    function skipTrimmed(): void {
      const oldest = broker.log.oldest()
      if (reached >= oldest) return
      write(gapFrame(ids.of(oldest), lastEventId ?? '', 'expired'))
      reached = oldest
    }
    skipTrimmed()
    while (open && reached < hub.earliest()) {
      const page = await broker.log.read({ after: reached, upTo: hub.earliest(), filters })
      skipTrimmed()
      if (page.damaged?.length) write(gapFrame(ids.of(reached), lastEventId ?? '', 'damaged'))
      for (const delivery of page.deliveries) {
        if (delivery.sequence <= reached) continue
        while (!pace.take()) await pace.turn()
        if (!open) return reached
        if (mayReceive(delivery.topic) && !isExpired(delivery, broker.log.now))
          send(eventFrame(delivery, ids.of(delivery.sequence), format))
        await drained()
      }
      reached = Math.max(reached, page.reached)
    }
    return reached
  }

  async function sendMissed(entries: readonly Entry[]): Promise<void> {
    for (const entry of entries) {
      while (!pace.take()) await pace.turn()
      if (!open) return
      if (wants(reader, entry.topic)) sendEntry(entry)
      await drained()
    }
  }

  /** Sends what came after a number, and follows what comes. */
  async function follow(number: number): Promise<void> {
    let reached = number
    let missed: Entry[] | null = null
    // memory moves on while the disk is read
    while (missed === null) {
      reached = await sendStored(reached)
      if (open) missed = await hub.follow(reader, reached)
      if (!open) return
    }
    await sendMissed(missed)
    const rest = waiting ?? []
    waiting = null
    waitingBytes = 0
    // the rules may have changed while they waited
    for (const entry of rest) if (mayReceive(entry.topic)) sendEntry(entry)
  }

  meter.streamOpened(door)
  // so that it hears of new rules and of the end before it follows anything
  const leave = hub.attend(reader)
  const heartbeat =
    heartbeatSeconds === null
      ? setInterval(() => write(HEARTBEAT), HEARTBEAT_MS)
      : setInterval(() => write(heartbeatFrame(Date.now())), heartbeatSeconds * 1000)
  heartbeat.unref()
  const gone = new Promise<void>((resolve) => sink.once('close', resolve))
  sink.once('close', closed)
  sink.on('error', closed)
  sink.on('drain', () => {
    clearTimeout(stallTimer)
    stallTimer = undefined
    hasRoom()
  })

  if (hub.ended) return end()
  if (ended?.aborted) return dismiss()
  ended?.addEventListener('abort', dismiss)
  write(RETRY)
  const { number, hasRetained, gaps } = beginningOf(lastEventId, hub, broker)
  const mark = hasRetained ? UNFINISHED : ''
  for (const gap of gaps) {
    const seconds = gap === 'broker_away' ? broker.log.awayAfter(number) : undefined
    write(gapFrame(`${ids.of(number)}${mark}`, lastEventId ?? '', gap, seconds))
  }
  try {
    if (hasRetained) await sendRetained(number)
    await follow(number)
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'subscription_refused') throw error
    refuse(error)
  }
}

function beginningOf(lastEventId: string | undefined, hub: Hub, broker: Broker): Beginning {
  const oldest = broker.log.oldest()
  const earliest = Math.max(hub.earliest(), oldest)
  if (lastEventId === undefined) return { number: hub.latest(), hasRetained: true, gaps: [] }
  if (lastEventId === EARLIEST) return { number: earliest, hasRetained: true, gaps: [] }
  const isUnfinished = lastEventId.endsWith(UNFINISHED)
  const known = hub.ids.numberOf(
    isUnfinished ? lastEventId.slice(0, -UNFINISHED.length) : lastEventId,
  )
  if (known === null || known > hub.latest())
    return { number: earliest, hasRetained: true, gaps: ['unknown_id'] }
  if (known < oldest) return { number: oldest, hasRetained: true, gaps: ['expired'] }
  const gaps = broker.log.gapsAfter(known)
  return { number: known, hasRetained: isUnfinished || gaps.includes('expired'), gaps }
}

/** In the order of their numbers, each once. */
async function retainedOf(filters: readonly string[], broker: Broker): Promise<Delivery[]> {
  const found = new Map<string, Delivery>()
  // together: each may have to be asked for at another broker
  for (const messages of await Promise.all(filters.map(broker.retained)))
    for (const message of messages) found.set(message.topic, message)
  return [...found.values()]
}

function isExpired({ expires }: { readonly expires: number | null }, now: () => number): boolean {
  return expires !== null && expires <= now()
}
