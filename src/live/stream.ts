import type { Access } from '../acl/access.ts'
import type { Broker } from '../broker/broker.ts'
import type { Hold } from '../budget/ledger.ts'
import type { Door } from '../door-table.ts'
import { GatewayError } from '../errors.ts'
import type { Meter } from '../metrics/meter.ts'
import { isExpired } from '../topic/message.ts'
import { type Beginning, beginningOf, gapFramesOf } from './beginning.ts'
import { catchUp } from './catch-up.ts'
import { type EventFormat, endFrame, gapFrameWithin, RETRY } from './event.ts'
import { startHeartbeat } from './heartbeat.ts'
import type { Entry } from './history.ts'
import type { Hub, Reader } from './hub.ts'
import { createOutlet, type Sink } from './outlet.ts'

export interface StreamOptions {
  readonly hub: Hub
  readonly broker: Broker
  readonly meter: Meter
  /** Bytes that may wait for one reader. */
  readonly buffer: number
  /** Milliseconds that a reader may take nothing while something waits. */
  readonly stall: number
  /** Told of each reader that is cut off because it does not keep up. */
  onSlow(door: Door, id: string): void
}

export interface StreamRequest {
  readonly filters: readonly string[]
  readonly format: EventFormat
  /** The id of the last event that the reader got: it gets what came since. */
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
 * `joining`: it finds out where it begins. `replaying`: its reader gets what came before, and live events wait. `live`: its reader gets
 * each event as it comes. `ended`: nothing is written any more.
 */
type Phase = 'joining' | 'replaying' | 'live' | 'ended'

/**
 * Writes to `sink` what `request` may read, until either side ends: the retained messages, or what came
 * since the reader was last here, then the live events, without a gap or a repeat. Resolves when it is live, or has ended.
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
    // the rules may have changed while they waited
    for (const entry of entries) if (mayReceive(entry.topic)) sendEntry(entry)
  }

  /** The reader has the ids of what it got, and may come back for the rest. */
  function cutOff(): void {
    meter.deliveryDropped(door, 'slow_reader')
    onSlow(door, id)
    sink.to.destroy()
    over()
  }

  /** Says goodbye. */
  function end(): void {
    write(RETRY)
    sink.end()
    over()
  }

  /** Ends it for good: to come back would not help. */
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
      // as `sendEntry`, without its calls: each event comes here for each of thousands of readers
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
  // before it follows anything, so that it hears of new rules and of the end
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
