import type { Access } from '../acl/access.ts'
import type { Broker } from '../broker/broker.ts'
import type { Hold } from '../budget/ledger.ts'
import type { Door } from '../door-table.ts'
import { GatewayError } from '../errors.ts'
import type { Meter } from '../metrics/meter.ts'
import { isExpired } from '../topic/message.ts'
import { type Beginning, beginningOf, gapFramesOf } from './beginning.ts'
import { catchUp } from './catch-up.ts'
import type { Entry } from './entry.ts'
import { type EventFormat, endFrame, gapFrameWithin, RETRY } from './event.ts'
import { startHeartbeat } from './heartbeat.ts'
import type { Hub, Reader } from './hub.ts'
import { createOutlet, type Sink } from './outlet.ts'

export interface StreamOptions {
  readonly hub: Hub
  readonly broker: Broker
  readonly meter: Meter
  /** Bytes that may wait for one reader. */
  readonly buffer: number
  /** Milliseconds that a reader may read nothing while bytes wait. */
  readonly stall: number
  /** Called for each reader that is cut off because it is too slow. */
  onSlow(door: Door, id: string): void
}

export interface StreamRequest {
  readonly filters: readonly string[]
  readonly format: EventFormat
  /** The id of the last event that the reader got: it gets the messages after it. */
  readonly lastEventId?: string | undefined
  /** Seconds between two `heartbeat` events; null for comments, which pages do not see. */
  readonly heartbeat?: number | null
  readonly access: Access
  readonly door: Door
  /** Counts the bytes that wait for the reader. */
  readonly hold: Pick<Hold, 'resize'>
  /** Who reads. */
  readonly id: string
  readonly address?: string | undefined
  /** Aborted with a GatewayError when the reader's session is over. */
  readonly ended?: AbortSignal | undefined
}

/**
 * `joining`: the stream finds out where it begins. `replaying`: its reader gets earlier messages, and live events wait. `live`:
 * its reader gets each event as it comes. `ended`: nothing is written any more.
 */
type Phase = 'joining' | 'replaying' | 'live' | 'ended'

/**
 * Writes what `request` may read to `sink`, until either side ends: the retained messages, or the messages since the reader's
 * last event, then the live events, without gaps or repeats. Resolves when it is live, or has ended.
 */
export async function openStream(
  sink: Sink,
  request: StreamRequest,
  { hub, broker, meter, buffer, stall, onSlow }: StreamOptions,
): Promise<void> {
  const { filters, format, access, door, id, address, ended, lastEventId, hold } = request
  const { mayReceive } = access
  let phase: Phase = 'joining'
  const outlet = createOutlet(sink.to, { buffer, stall, hold, onSlow: cutOff })
  const { write: writeNow, drained } = outlet
  let waiting: Entry[] = []
  let waitingBytes = 0

  const hasEnded = () => phase === 'ended'

  function write(frame: Buffer): void {
    if (!hasEnded()) writeNow(frame)
  }

  function send(frame: Buffer): void {
    write(frame)
    if (!hasEnded()) meter.delivered(door)
  }

  function sendEntry(entry: Entry): void {
    if (!isExpired(entry, broker.log.now)) send(hub.frame(entry, format))
  }

  function join(): Beginning {
    write(RETRY)
    const beginning = beginningOf(lastEventId, hub, broker.log)
    for (const frame of gapFramesOf(beginning, lastEventId, hub, broker.log)) write(frame)
    return beginning
  }

  async function replay(beginning: Beginning): Promise<void> {
    const recipient = { reader, format, lastEventId, hasEnded, send, write, drained }
    try {
      await catchUp(recipient, beginning, hub, broker)
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== 'subscription_refused') throw error
      refuse(error)
    }
  }

  function wait(entry: Entry): void {
    waiting.push(entry)
    waitingBytes += hub.frame(entry, format).length
    outlet.waiting(waitingBytes)
  }

  function goLive(): void {
    phase = 'live'
    const entries = waiting
    waiting = []
    outlet.waiting(0)
    // the rules may have changed while the entries waited
    for (const entry of entries) if (mayReceive(entry.topic)) sendEntry(entry)
  }

  /** The reader knows its last id, and may reconnect to get the rest. */
  function cutOff(): void {
    meter.deliveryDropped(door, 'slow_reader')
    onSlow(door, id)
    sink.to.destroy()
    over()
  }

  /** Tells the reader when to reconnect, and ends the response. */
  function end(): void {
    write(RETRY)
    sink.end()
    over()
  }

  /** Ends the stream for good: reconnecting would not help. */
  function refuse({ code, message }: GatewayError): void {
    write(endFrame(code, message))
    end()
  }

  function dismiss(): void {
    const { reason } = ended as AbortSignal
    if (reason instanceof GatewayError) refuse(reason)
    else end()
  }

  function over(): void {
    if (hasEnded()) return
    phase = 'ended'
    waiting = []
    outlet.close()
    leave()
    ended?.removeEventListener('abort', dismiss)
    clearInterval(heartbeat)
    meter.streamClosed(door)
  }

  const reader: Reader = {
    from: { door, id, address, since: Date.now() },
    filters,
    mayReceive,
    take(entry) {
      if (phase === 'replaying') wait(entry)
      // the same as `sendEntry`, but inlined: this runs for each event and each of thousands of readers
      if (phase !== 'live' || isExpired(entry, broker.log.now)) return
      writeNow(hub.frame(entry, format))
      if (phase === 'live') meter.delivered(door)
    },
    refuse,
    missed(seconds) {
      write(gapFrameWithin(hub.ids.of(hub.latest()), 'broker_away', seconds))
    },
    recheck() {
      if (access.couldReceive(filters)) return
      write(
        endFrame('read_denied', 'The ACL file no longer allows you to read any of these topics.'),
      )
      end()
    },
    end,
  }

  meter.streamOpened(door)
  // before it follows anything, so that new rules and the end reach it
  const leave = hub.attend(reader)
  const heartbeat = startHeartbeat(request.heartbeat ?? null, write)
  sink.to.on('close', over)
  sink.to.on('error', over)
  if (hub.ended) return end()
  if (ended?.aborted) return dismiss()
  ended?.addEventListener('abort', dismiss)
  const beginning = join()
  phase = 'replaying'
  await replay(beginning)
  if (!hasEnded()) goLive()
}
