import type { Message } from '../topic/message.ts'
import type { Origin } from './session.ts'

/** A message as the broker hands it on, numbered in the one order in which everybody gets it. */
export interface Delivery extends Message {
  /** Increases by at least one from message to message while the broker is open. */
  readonly sequence: number
}

export type Unsubscribe = () => Promise<void>

/** What the rooms above need of any broker; `test/broker/contract.ts` says it in tests. */
export interface Broker {
  /**
   * Takes a message; for QoS 1 and 2 it is stored when the promise resolves. Undefined where nothing has to be waited for.
   * Rejects with `broker_unavailable`. `origin` is the MQTT client that published it.
   */
  publish(message: Message, origin?: Origin | null): Promise<void> | undefined
  /** Resolves once `onMessage` gets every message that `filter` covers. `onMessage` must neither throw nor block. */
  subscribe(filter: string, onMessage: (delivery: Delivery) => void): Promise<Unsubscribe>
  /** The retained messages that `filter` covers, by topic. */
  retained(filter: string): Promise<Message[]>
  /** Null when publishing can succeed, otherwise why not. */
  problem(): string | null
  /** Ends every connection: nothing more is taken or handed on. May be called again. */
  end(): Promise<void>
  /** Ends, and lets go of the store; may be called again. */
  close(): Promise<void>
}
