import type { Qos } from '../../topic/message.ts'

export type Payload = Uint8Array | string
type Flag = 0 | 1

/**
 * What can change in the store, by name, with the columns it takes. A journal writes these, and
 * tells a recovered store in the same words.
 */
export interface Changes {
  retain: [topic: string, payload: Payload, qos: Qos, device: string | null, time: number | null]
  unretain: [topic: string]
  session: [id: number, client: string, lastSeen: number, connected: Flag]
  touch: [lastSeen: number, connected: Flag, id: number]
  dropSession: [id: number]
  subscribe: [session: number, filter: string, qos: Qos, options: string]
  unsubscribe: [session: number, filter: string]
  dropSubscriptions: [session: number]
  message: [
    id: number,
    topic: string,
    payload: Payload,
    device: string | null,
    time: number | null,
    stored: number,
  ]
  dropMessage: [id: number]
  /** Without a message it is a PUBREL that waits for its PUBCOMP. */
  enqueue: [
    id: number,
    session: number,
    message: number | null,
    qos: Qos,
    packetId: number | null,
    retain: Flag,
  ]
  sent: [packetId: number, id: number]
  released: [packetId: number, id: number]
  dequeue: [id: number]
  receive: [
    client: string,
    packetId: number,
    topic: string,
    device: string | null,
    time: number | null,
  ]
  forget: [client: string, packetId: number]
  forgetAll: [client: string]
  will: [
    client: string,
    broker: string,
    topic: string,
    payload: Payload,
    qos: Qos,
    retain: Flag,
    device: string | null,
    time: number | null,
  ]
  dropWill: [client: string]
  /** Nothing but a write, to find out whether one works. */
  probe: [time: number]
}

export type ChangeName = keyof Changes
export type Change = { [Name in ChangeName]: readonly [Name, ...Changes[Name]] }[ChangeName]

/** The changes that tell everything stored, in an order in which each finds what it refers to. */
export type RestoredName =
  | 'session'
  | 'subscribe'
  | 'message'
  | 'enqueue'
  | 'receive'
  | 'will'
  | 'retain'
export type Restore = { readonly [Name in RestoredName]: (...columns: Changes[Name]) => void }
