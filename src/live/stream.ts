import type { Access } from '../acl/access.ts'
import type { Broker } from '../broker/broker.ts'
import type { Hold } from '../budget/ledger.ts'
import type { Door } from '../door-table.ts'
import { GatewayError } from '../errors.ts'
import type { Meter } from '../metrics/meter.ts'
import { isExpired } from '../topic/message.ts'
import { type Beginning, beginningOf, gapFramesOf } from './beginning.ts'
import { type CatchUpReader, catchUp } from './catch-up.ts'
import type { Entry } from './entry.ts'
import { type EventFormat, endFrame, gapFrameWithin, RETRY } from './event.ts'
import type { Beating } from './heartbeat.ts'
import type { Hub, StreamOrigin } from './hub.ts'
import { Outlet, type OutletLimits, type OutletOwner, type Sink } from './outlet.ts'

export interface StreamOptions extends OutletLimits {
  readonly hub: Hub
  readonly broker: Broker
  readonly meter: Meter
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
export function openStream(
  sink: Sink,
  request: StreamRequest,
  options: StreamOptions,
): Promise<void> {
  return new Stream(sink, request, options).open()
}

/** A live event that waits until its reader has the earlier ones: without its entry, which would keep a page of messages in memory. */
interface WaitingEvent {
  readonly topic: string
  readonly expires: number | null
  readonly frame: Buffer
}

const NOTHING_WAITS: WaitingEvent[] = []

/** A class, because there are tens of thousands: as closures they would take several times the memory, and time for each event. */
class Stream implements CatchUpReader, OutletOwner, Beating {
  readonly filters: readonly string[]
  readonly format: EventFormat
  readonly lastEventId: string | undefined
  readonly #access: Access
  readonly #door: Door
  readonly #outlet: Outlet
  readonly #options: StreamOptions
  readonly #request: StreamRequest
  readonly #sink: Sink
  readonly #since = Date.now()
  #phase: Phase = 'joining'
  // what waits while the reader gets earlier messages
  #waiting = NOTHING_WAITS
  #waitingBytes = 0
  due = 0
  before: Beating | null = null
  after: Beating | null = null
  #dismiss: (() => void) | undefined

  constructor(sink: Sink, request: StreamRequest, options: StreamOptions) {
    this.filters = request.filters
    this.format = request.format
    this.lastEventId = request.lastEventId
    this.#access = request.access
    this.#door = request.door
    this.#outlet = new Outlet(sink.to, options, request.hold, this)
    this.#options = options
    this.#request = request
    this.#sink = sink
  }

  async open(): Promise<void> {
    const { hub, meter } = this.#options
    const { heartbeat, ended } = this.#request
    meter.streamOpened(this.#door)
    // before it follows anything, so that new rules and the end reach it
    hub.attend(this)
    hub.heartbeats.start(heartbeat ?? null, this)
    const over = () => this.#over()
    this.#sink.to.on('close', over).on('error', over)
    if (hub.ended) return this.end()
    if (ended?.aborted) return this.#dismissed(ended)
    if (ended) {
      this.#dismiss = () => this.#dismissed(ended)
      ended.addEventListener('abort', this.#dismiss)
    }
    const beginning = this.#join()
    // a reader that cannot even take its gaps was cut off
    if (this.hasEnded()) return
    this.#phase = 'replaying'
    await this.#replay(beginning)
    if (!this.hasEnded()) this.#goLive()
  }

  get from(): StreamOrigin {
    const { id, address } = this.#request
    return { door: this.#door, id, address, since: this.#since }
  }

  hasEnded(): boolean {
    return this.#phase === 'ended'
  }

  mayReceive(topic: string): boolean {
    return this.#access.mayReceive(topic)
  }

  take(entry: Entry): void {
    if (this.#phase === 'live') this.#sendEntry(entry)
    else if (this.#phase === 'replaying') this.#wait(entry)
  }

  write(frame: Buffer): void {
    if (!this.hasEnded()) this.#outlet.write(frame)
  }

  send(frame: Buffer): void {
    this.write(frame)
    if (!this.hasEnded()) this.#options.meter.delivered(this.#door)
  }

  drained(): Promise<void> {
    return this.#outlet.drained()
  }

  #sendEntry(entry: Entry): void {
    const { hub, broker } = this.#options
    if (!isExpired(entry, broker.log.now)) this.send(hub.frame(entry, this.format))
  }

  #join(): Beginning {
    const { hub, broker } = this.#options
    this.write(RETRY)
    const beginning = beginningOf(this.lastEventId, hub, broker.log)
    const gaps = gapFramesOf(beginning, this.lastEventId, hub, broker.log)
    for (const frame of gaps) this.write(frame)
    return beginning
  }

  async #replay(beginning: Beginning): Promise<void> {
    const { hub, broker } = this.#options
    try {
      await catchUp(this, beginning, hub, broker)
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== 'subscription_refused') throw error
      this.refuse(error)
    }
  }

  #wait(entry: Entry): void {
    if (this.#waiting === NOTHING_WAITS) this.#waiting = []
    const { topic, expires } = entry
    const frame = this.#options.hub.frame(entry, this.format)
    this.#waiting.push({ topic, expires, frame })
    this.#waitingBytes += frame.length
    this.#outlet.waiting(this.#waitingBytes)
  }

  #goLive(): void {
    this.#phase = 'live'
    const events = this.#waiting
    this.#waiting = NOTHING_WAITS
    this.#outlet.waiting(0)
    const { now } = this.#options.broker.log
    // the rules may have changed while the events waited
    for (const event of events)
      if (this.mayReceive(event.topic) && !isExpired(event, now)) this.send(event.frame)
  }

  /** The reader knows its last id, and may reconnect to get the rest. */
  cutOff(): void {
    const { meter, onSlow } = this.#options
    meter.deliveryDropped(this.#door, 'slow_reader')
    onSlow(this.#door, this.#request.id)
    this.#sink.to.destroy()
    this.#over()
  }

  /** Tells the reader when to reconnect, and ends the response. */
  end(): void {
    this.write(RETRY)
    this.#sink.response.end()
    this.#over()
  }

  /** Ends the stream for good: reconnecting would not help. */
  refuse({ code, message }: GatewayError): void {
    this.write(endFrame(code, message))
    this.end()
  }

  #dismissed({ reason }: AbortSignal): void {
    if (reason instanceof GatewayError) this.refuse(reason)
    else this.end()
  }

  missed(seconds: number): void {
    const { hub } = this.#options
    this.write(gapFrameWithin(hub.ids.of(hub.latest()), 'broker_away', seconds))
  }

  recheck(): void {
    if (this.#access.couldReceive(this.filters)) return
    this.write(
      endFrame('read_denied', 'The ACL file no longer allows you to read any of these topics.'),
    )
    this.end()
  }

  #over(): void {
    if (this.hasEnded()) return
    const { hub, meter } = this.#options
    this.#phase = 'ended'
    this.#waiting = NOTHING_WAITS
    this.#outlet.close()
    hub.leave(this)
    if (this.#dismiss) this.#request.ended?.removeEventListener('abort', this.#dismiss)
    hub.heartbeats.stop(this.#request.heartbeat ?? null, this)
    meter.streamClosed(this.#door)
  }
}
