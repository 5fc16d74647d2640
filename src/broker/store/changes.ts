import type { Qos } from '../../topic/message.ts'

type Flag = 0 | 1
/** What MQTT 5 says of a message, as JSON; null for nothing. */
type Properties = string | null

/**
 * What can change in the store, by name, with the columns it takes. A journal writes these, and
 * tells a recovered store in the same words. Times are milliseconds since the Unix epoch.
 */
export interface Changes {
  retain: [
    topic: string,
    payload: Uint8Array,
    qos: Qos,
    device: string | null,
    time: number,
    properties: Properties,
    expires: number | null,
  ]
  unretain: [topic: string]
  session: [id: number, client: string, lastSeen: number, connected: Flag, expirySeconds: number]
  touch: [lastSeen: number, connected: Flag, expirySeconds: number, id: number]
  dropSession: [id: number]
  subscribe: [session: number, filter: string, qos: Qos, options: string]
  unsubscribe: [session: number, filter: string]
  dropSubscriptions: [session: number]
  message: [
    id: number,
    topic: string,
    payload: Uint8Array,
    device: string | null,
    time: number,
    stored: number,
    properties: Properties,
    expires: number | null,
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
    identifiers: string | null,
  ]
  sent: [packetId: number, id: number]
  released: [packetId: number, id: number]
  dequeue: [id: number]
  receive: [client: string, packetId: number]
  forget: [client: string, packetId: number]
  forgetAll: [client: string]
  will: [
    client: string,
    topic: string,
    payload: Uint8Array,
    qos: Qos,
    retain: Flag,
    properties: Properties,
    messageExpirySeconds: number | null,
    delaySeconds: number,
    due: number | null,
  ]
  dueWill: [due: number, client: string]
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
