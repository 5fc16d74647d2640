import type { GatewayError } from '../errors.ts'
import type { Message } from '../topic/message.ts'
import type { Origin } from './session.ts'

/** A message as the broker hands it on, numbered in the one order in which everybody gets it. */
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
  /** All that the log has up to this number was looked at; with `newestFirst`, all after it. */
  readonly reached: number
  /** How many messages were looked at for it. */
  readonly looked: number
  /** Numbers of messages that are left out because the disk has damaged them. */
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
  /** The last place that was looked at; null when there is no more. */
  readonly reached: LatePlace | null
  /** How many messages were looked at for it. */
  readonly looked: number
  /** Numbers of messages that are left out because the disk has damaged them. */
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
  /** The last topic that was looked at; null when there are no more. */
  readonly reached: string | null
  /** How many topics were looked at for it. */
  readonly looked: number
  /** Numbers of messages that are left out because the disk has damaged them. */
  readonly damaged?: readonly number[]
}

/** What another numbering, which has ended, calls the messages of the log. */
export interface OldNumbers {
  readonly epoch: string
  /** Added to a number of its own it is that of the log. */
  readonly offset: number
  /** Its last number. */
  readonly latest: number
}

/** Every message that was handed on, by its number; without a disk it holds nothing. */
export interface BrokerLog {
  /** Names the numbering: a number of another one says nothing here. */
  epoch(): string
  /** The numbering before there was a log; null where there was none. */
  oldNumbers(): OldNumbers | null
  /** Above all numbers that were given before this process. */
  start(): number
  /** The number that all of the log came after. */
  oldest(): number
  /** Messages and their bytes; null until those from before the start are counted. */
  usage(): { readonly entries: number; readonly bytes: number } | null
  /** Why some of what came after this number may be missing. */
  gapsAfter(number: number): GapReason[]
  /** Seconds, rounded up, that another broker which the messages come from could not be reached after this number. */
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
  /** Milliseconds by the clock that messages expire by, which goes on evenly whatever the system's clock is set to. */
  now(): number
}

/** The reading of a line, from 1, of a request that names a key: stored with it, so that a crash leaves both or neither. */
export interface Mark {
  readonly id: number
  readonly line: number
}

/** A request that names a key, from the moment in which it begins. */
export interface KeyedRequest {
  /** That of an earlier one that came to its end; null where there is none. */
  readonly answer: string | null
  /** Whether an earlier one has published the reading of a line. */
  isPublished(line: number): boolean
  /** What `publish` takes with the reading of a line. */
  mark(line: number): Mark
  /** The reading of a line is published. */
  published(line: number): void
  /** It has come to its end. Resolves once the answer is stored, or cannot be. */
  finish(answer: string): Promise<void>
  /** Another one may begin; nothing is left of one that has published nothing. */
  release(): void
}

/** Requests that name a key, so that a repeat publishes nothing again: of each device, for some time, and as many as there is room for. */
export interface Keys {
  /** Begins a request, unless the device uses the key for another one, or the same is under way. */
  take(device: string, key: string, fingerprint: string): KeyedRequest | 'reused' | 'underway'
}

export type OnMessage = (delivery: Delivery) => void

export type EndSubscription = () => Promise<void>

export type OnRefused = (error: GatewayError) => void

/** Told when the other broker is there again, after so many seconds. */
export type OnBack = (seconds: number) => void

/** What the rooms above need of any broker; `test/broker/contract.ts` says it in tests. */
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
  /** The retained messages that `filter` covers, with the numbers they were handed on by. */
  retained(filter: string): Promise<Delivery[]>
  /** `onBack` is called whenever messages may have been missed, before those that follow. It must neither throw nor block. */
  whenBack(onBack: OnBack): void
  readonly keys: Keys
  /** What was handed on, now and before this process. */
  readonly log: BrokerLog
  /** Null when publishing can succeed, otherwise why not. */
  outage(): string | null
  /** Ends every connection: nothing more is taken or handed on. May be called again. */
  end(): Promise<void>
  /** Ends, and lets go of the store; may be called again. */
  close(): Promise<void>
}
