import type { GatewayError } from '../errors.ts'
import type { Message } from '../topic/message.ts'
import type { Origin } from './session.ts'

/** A message as the broker delivers it: with its number, in the order in which everybody gets messages. */
export interface Delivery extends Message {
  /** Increases by at least one from message to message while the broker is open. */
  readonly sequence: number
}

/**
 * Why messages may be missing from the log: they are past their time or found no room, a crash took the last ones of QoS 0,
 * the disk was slower than they came, or it has damaged them, or they were published at another broker that could not be reached.
 */
export type GapReason = 'expired' | 'restart' | 'overload' | 'damaged' | 'broker_away'

/** A part of the log is asked for by its numbers and by filters, and read from either end. */
export interface LogRange {
  readonly after: number
  readonly upTo: number
  readonly filters: readonly string[]
  readonly newestFirst?: boolean
}

/** A part of the log, in the order that was asked for. */
export interface LogPage {
  readonly deliveries: readonly Delivery[]
  /** The log was read up to this number; with `newestFirst`, down to it. */
  readonly reached: number
  /** Messages that were read for it. */
  readonly looked: number
  /** Numbers of messages that are missing because they are damaged on the disk. */
  readonly damaged?: readonly number[]
}

/**
 * Where a time of arrival falls in the log. It is searched for as if times grew with numbers, and they do but where the clock was set
 * back: there it may be any of the places that fit.
 */
export interface LogSplit {
  /** The number of the last message before the time; 0 where there is none. */
  readonly before: number
  /** The number of the first message at that time or later; null where there is none. */
  readonly from: number | null
}

/** Where a message is among the late ones, which are in the order of their own times, then of their numbers. */
export interface LatePlace {
  readonly time: number
  readonly number: number
}

/** A part of the late messages (`isLate`), by their own times: `from` and later, before `to`. */
export interface LateRange {
  /** The place that it goes on after, in its own order. */
  readonly after: LatePlace
  readonly from: number
  readonly to: number
  readonly filters: readonly string[]
  readonly newestFirst: boolean
}

/** A part of the late messages, in the order that was asked for. */
export interface LatePage {
  readonly deliveries: readonly Delivery[]
  /** The last place that was read; null when there are no more messages. */
  readonly reached: LatePlace | null
  /** Messages that were read for it. */
  readonly looked: number
  /** Numbers of messages that are missing because they are damaged on the disk. */
  readonly damaged?: readonly number[]
}

/** The latest messages of those topics that any of the filters covers, in the order of the topics' UTF-8. */
export interface TopicRange {
  /** Only topics after this one. */
  readonly after: string
  readonly filters: readonly string[]
}

/** A part of the topics. */
export interface TopicPage {
  /** One for each topic. */
  readonly deliveries: readonly Delivery[]
  /** The last topic that was read; null when there are no more. */
  readonly reached: string | null
  /** Topics that were read for it. */
  readonly looked: number
  /** Numbers of messages that are missing because they are damaged on the disk. */
  readonly damaged?: readonly number[]
}

/** An earlier numbering of messages that are in the log. */
export interface OldNumbers {
  readonly epoch: string
  /** The difference to add to an old number to get the number in the log. */
  readonly offset: number
  /** Its last number. */
  readonly latest: number
}

/** All delivered messages, by their numbers; empty for a broker without a disk. */
export interface BrokerLog {
  /** Identifies the numbering: numbers of another epoch are meaningless here. */
  epoch(): string
  /** The numbering before there was a log; null where there was none. */
  oldNumbers(): OldNumbers | null
  /** Greater than every number that was given before this process began. */
  start(): number
  /** The log holds only messages with greater numbers. */
  oldest(): number
  /** Messages and their bytes; null until those from before the start are counted. */
  usage(): { readonly entries: number; readonly bytes: number } | null
  /** Why some of what came after this number may be missing. */
  gapsAfter(number: number): GapReason[]
  /** Seconds, rounded up, for which the broker that messages come from could not be reached after this number. */
  awayAfter(number: number): number
  /** The first part of a range: what any of the filters covers. */
  read(range: LogRange): Promise<LogPage>
  /** The first part of the topics: the latest message of each. */
  readTopics(range: TopicRange): Promise<TopicPage>
  /** The first part of the late messages. */
  readLate(range: LateRange): Promise<LatePage>
  /** Where a time of arrival, in milliseconds since the Unix epoch, falls. */
  split(time: number): Promise<LogSplit>
  /** Whether it outlives this process. */
  readonly isDurable: boolean
  /** Milliseconds by the clock that messages expire by; changes of the system's clock do not affect it. */
  now(): number
}

/** The reading of a line, from 1, of a request that names a key: stored with it, so that a crash leaves both or neither. */
export interface Mark {
  readonly id: number
  readonly line: number
}

/** A request with an idempotency key, from its beginning on. */
export interface KeyedRequest {
  /** The answer to an earlier request with this key that was completed; null when there is none. */
  readonly answer: string | null
  /** Whether an earlier request with this key has published the reading of this line. */
  isPublished(line: number): boolean
  /** The mark to pass to `publish` with the reading of this line. */
  mark(line: number): Mark
  /** The reading of a line is published. */
  published(line: number): void
  /** The request is completed. Resolves once its answer is stored, or cannot be stored. */
  finish(answer: string): Promise<void>
  /** The request is over without an answer, so the key can be used again; a request that has published nothing is forgotten. */
  release(): void
}

/** Remembers requests with an idempotency key, so that a repeated request publishes nothing again: per device, for some time, within limits. */
export interface Keys {
  /** Begins a request, unless the device has used the key for another request, or the same request is still running. */
  take(device: string, key: string, fingerprint: string): KeyedRequest | 'reused' | 'underway'
}

export type OnMessage = (delivery: Delivery) => void

export type EndSubscription = () => Promise<void>

export type OnRefused = (error: GatewayError) => void

/** Called when the other broker can be reached again, after this many seconds. */
export type OnBack = (seconds: number) => void

/** What every broker can do; `test/broker/contract.ts` tests it for each of them. */
export interface Broker {
  /**
   * Takes a message; for QoS 1 and 2 it is stored when the promise resolves. Undefined where nothing has to be waited for.
   * Rejects with `broker_unavailable`. `origin` is the MQTT client that published it. With a `mark` it is stored, whatever its QoS.
   */
  publish(message: Message, origin?: Origin | null, mark?: Mark | null): Promise<void> | undefined
  /**
   * Resolves once `onMessage` gets every message that any of `filters` covers, once. It must neither throw nor block. Rejects with
   * `subscription_refused` where another broker refuses; `onRefused` is called where it does so later.
   */
  subscribe(
    filters: readonly string[],
    onMessage: OnMessage,
    onRefused?: OnRefused,
  ): Promise<EndSubscription>
  /** Resolves once `onMessage` gets every message, before those who subscribed get it. It must neither throw nor block. */
  follow(onMessage: OnMessage): Promise<EndSubscription>
  /** The retained messages that `filter` covers, with the numbers they were delivered with. */
  retained(filter: string): Promise<Delivery[]>
  /** `onBack` is called whenever messages may have been missed, before those that follow. It must neither throw nor block. */
  whenBack(onBack: OnBack): void
  readonly keys: Keys
  /** All delivered messages, also from before this process. */
  readonly log: BrokerLog
  /** Null when publishing can succeed, otherwise why not. */
  outage(): string | null
  /** Ends every connection: nothing more is accepted or delivered. May be called again. */
  end(): Promise<void>
  /** Ends every connection and closes the store. May be called again. */
  close(): Promise<void>
}
