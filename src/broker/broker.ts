import type { GatewayError } from '../errors.ts'
import type { Message } from '../topic/message.ts'
import type { Delivery } from './delivery.ts'
import type { Origin } from './session.ts'

/**
 * Why messages may be missing from the log: they expired or found no room, a crash lost the last ones of QoS 0, the disk was
 * too slow or damaged them, or they were published at another broker that could not be reached.
 */
export type GapReason = 'expired' | 'restart' | 'overload' | 'damaged' | 'broker_away'

/** A part of the log, given by numbers and filters, and read from either end. */
export interface LogRange {
  readonly after: number
  readonly upTo: number
  readonly filters: readonly string[]
  readonly newestFirst?: boolean
}

/** A part of the log, in the requested order. */
export interface LogPage {
  readonly deliveries: readonly Delivery[]
  /** The last number that was read; with `newestFirst`, the lowest one. */
  readonly reached: number
  /** How many messages were read, whether or not a filter covers them. */
  readonly scanned: number
  /** Numbers of messages that are missing because they are damaged on the disk. */
  readonly damaged?: readonly number[]
}

/**
 * The place of a time of arrival in the log. The search assumes that times grow with numbers. Where the clock was set back they
 * do not: then the result is any of the places that fit.
 */
export interface LogSplit {
  /** The number of the last message before the time; 0 if there is none. */
  readonly before: number
  /** The number of the first message at that time or later; null if there is none. */
  readonly from: number | null
}

/** The place of a message among the late ones, which are ordered by their own times, then by their numbers. */
export interface LatePlace {
  readonly time: number
  readonly number: number
}

/** A part of the late messages (`isLate`), by their own times: at or after `from`, before `to`. */
export interface LateRange {
  /** The place after which it continues, in its own order. */
  readonly after: LatePlace
  readonly from: number
  readonly to: number
  readonly filters: readonly string[]
  readonly newestFirst: boolean
}

/** A part of the late messages, in the requested order. */
export interface LatePage {
  readonly deliveries: readonly Delivery[]
  /** The last place that was read; null when no messages are left. */
  readonly reached: LatePlace | null
  /** How many messages were read, whether or not a filter covers them. */
  readonly scanned: number
  /** Numbers of messages that are missing because they are damaged on the disk. */
  readonly damaged?: readonly number[]
}

/** The latest messages of all topics that any filter covers, ordered by the UTF-8 of the topics. */
export interface TopicRange {
  /** Only topics after this one. */
  readonly after: string
  readonly filters: readonly string[]
}

/** A part of the topics. */
export interface TopicPage {
  /** One for each topic. */
  readonly deliveries: readonly Delivery[]
  /** The last topic that was read; null when none are left. */
  readonly reached: string | null
  /** How many topics were read, whether or not a filter covers them. */
  readonly scanned: number
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
  /** The numbering that was used before there was a log; null where there was none. */
  oldNumbers(): OldNumbers | null
  /** Greater than every number that was given before this process started. */
  start(): number
  /** All messages in the log have greater numbers. */
  oldest(): number
  /** The number of messages, and their bytes; null until the messages from before the start are counted. */
  usage(): { readonly entries: number; readonly bytes: number } | null
  /** Why some messages after this number may be missing. */
  gapsAfter(number: number): GapReason[]
  /** For how many seconds, rounded up, the broker that messages come from could not be reached after this number. */
  awayAfter(number: number): number
  /** The first part of a range: the messages that any filter covers. */
  read(range: LogRange): Promise<LogPage>
  /** The first part of the topics: the latest message of each. */
  readTopics(range: TopicRange): Promise<TopicPage>
  /** The first part of the late messages. */
  readLate(range: LateRange): Promise<LatePage>
  /** The place of a time of arrival, in milliseconds since the Unix epoch. */
  split(time: number): Promise<LogSplit>
  /** Whether the log survives a restart. */
  readonly isDurable: boolean
  /** Milliseconds by the clock that messages expire by; changes of the system's clock do not affect it. */
  now(): number
}

/**
 * The reading in a line, from 1, of a request with an idempotency key. The store notes it together with the message, so that a crash
 * keeps both or neither.
 */
export interface KeyedLine {
  readonly id: number
  readonly line: number
}

/** A request with an idempotency key, once it has begun. */
export interface KeyedRequest {
  /** The answer to an earlier completed request with this key; null if there is none. */
  readonly answer: string | null
  /** Whether an earlier request with this key published the reading in this line. */
  isPublished(line: number): boolean
  /** The line to pass to `publish` with its reading. */
  line(number: number): KeyedLine
  /** The reading in this line was published. */
  published(line: number): void
  /** The request is complete. Resolves once its answer is stored, or storing has failed. */
  finish(answer: string): Promise<void>
  /** The request ended without an answer, so the key can be used again. It is forgotten if it published nothing. */
  release(): void
}

/**
 * Remembers requests with an idempotency key, so that a repeat publishes nothing twice: for each device, for a limited time and
 * number.
 */
export interface Keys {
  /** Begins a request, unless the device has used the key for another request, or the same request is still running. */
  take(device: string, key: string, fingerprint: string): KeyedRequest | 'reused' | 'underway'
}

export type OnMessage = (delivery: Delivery) => void

export type EndSubscription = () => Promise<void>

export type OnRefused = (error: GatewayError) => void

/** Called when the other broker can be reached again, after this many seconds. */
export type OnBack = (seconds: number) => void

/** The interface of every kind of broker; `test/broker/contract.ts` tests it for each. */
export interface Broker {
  /**
   * Takes a message; for QoS 1 and 2 it is stored when the promise resolves. Returns undefined if there is nothing to wait for.
   * Rejects with `broker_unavailable`. `origin` is the MQTT client that published it. With a `keyedLine` it is stored, whatever its
   * QoS.
   */
  publish(
    message: Message,
    origin?: Origin | null,
    keyedLine?: KeyedLine | null,
  ): Promise<void> | undefined
  /**
   * Resolves once `onMessage` gets every message that any filter covers, each once; it must neither throw nor block. Rejects
   * with `subscription_refused` if another broker refuses; `onRefused` is called if it refuses later.
   */
  subscribe(
    filters: readonly string[],
    onMessage: OnMessage,
    onRefused?: OnRefused,
  ): Promise<EndSubscription>
  /** Resolves once `onMessage` gets every message, before subscribers get it. It must neither throw nor block. */
  follow(onMessage: OnMessage): Promise<EndSubscription>
  /** The retained messages that `filter` covers, with the numbers of their delivery. */
  retained(filter: string): Promise<Delivery[]>
  /** `onBack` is called whenever messages may have been missed, before the next ones. It must neither throw nor block. */
  whenBack(onBack: OnBack): void
  readonly keys: Keys
  /** All delivered messages, including those from before this process. */
  readonly log: BrokerLog
  /** Null when publishing can succeed, otherwise why not. */
  outage(): string | null
  /** Ends every connection: no message is accepted or delivered after this. May be called again. */
  end(): Promise<void>
  /** Ends every connection and closes the store. May be called again. */
  close(): Promise<void>
}
