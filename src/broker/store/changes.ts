import type { Qos } from '../../topic/message.ts'

type Flag = 0 | 1
/** The MQTT 5 properties of a message, as JSON; null if there are none. */
type Properties = string | null

/**
 * The changes of the store, by name, with their columns. A journal stores them, and passes almost the same ones to a store that
 * is restored. Times are milliseconds by the store's clock, except those of a message: they are by the clocks of the system and
 * of the device.
 */
export interface Changes {
  /** Adds a message to the log; its payload has one character for each byte. */
  append: [
    number: number,
    topic: string,
    characters: string,
    qos: Qos,
    retain: Flag,
    device: string | null,
    received: number,
    properties: Properties,
    expires: number | null,
    /** When it was measured, if the device has sent that. */
    ownTime: number | null,
  ]
  meta: [key: MetaKey, value: string]
  retain: [topic: string, number: number]
  unretain: [topic: string]
  session: [id: number, client: string, lastSeen: number, connected: Flag, expirySeconds: number]
  /** The session needs no copies of bundles below this id any more. */
  floor: [floor: number, session: number]
  touch: [lastSeen: number, connected: Flag, expirySeconds: number, id: number]
  dropSession: [id: number]
  subscribe: [session: number, filter: string, qos: Qos, options: string]
  unsubscribe: [session: number, filter: string]
  dropSubscriptions: [session: number]
  /** Without a message, the entry is a PUBREL that waits for its PUBCOMP. */
  enqueue: [
    id: number,
    session: number | null,
    message: number | null,
    qos: Qos,
    packetId: number | null,
    retain: Flag,
    identifiers: string | null,
    since: number,
  ]
  /** The ids of the sessions, in the order of their copies. */
  audience: [id: number, sessions: string]
  dropAudience: [id: number]
  /** Copies of one message, with ids from the first to the last. A row of the queue with such an id replaces the copy. */
  bundle: [
    id: number,
    last: number,
    audience: number,
    message: number,
    qos: Qos,
    retain: Flag,
    identifiers: string | null,
    since: number,
  ]
  dropBundle: [id: number]
  /** Removes one copy of a bundle, by a row of the queue without a session. */
  takeCopy: [id: number]
  /** Removes the rows of the queue that replace copies of a bundle. */
  dropCopies: [first: number, last: number]
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
  /** A request with an idempotency key has published something. */
  key: [id: number, device: string, key: string, fingerprint: string, expires: number]
  /** The reading in this line of the request is published. */
  keyLine: [key: number, line: number]
  keyAnswer: [answer: string, id: number]
  dropKey: [id: number]
  dropKeyLines: [key: number]
  /** Finds out whether the disk can be written. */
  probe: [time: number]
}

export type ChangeName = keyof Changes
export type Append = readonly ['append', ...Changes['append']]
export type Change = { [Name in ChangeName]: readonly [Name, ...Changes[Name]] }[ChangeName]

/** A row of the log. */
export type LogRow = [
  number: number,
  topic: string,
  payload: Uint8Array,
  qos: Qos,
  retain: Flag,
  device: string | null,
  received: number,
  properties: Properties,
  expires: number | null,
  ownTime: number | null,
]

/** The rows that a store is restored from, in this order: each row refers only to rows before it. */
export interface Restored {
  meta: Changes['meta']
  session: [...Changes['session'], floor?: number]
  subscribe: Changes['subscribe']
  /** The messages that wait in queues. */
  message: LogRow
  audience: Changes['audience']
  bundle: Changes['bundle']
  /** A row without a session stands for a copy of a bundle that was removed. */
  enqueue: Changes['enqueue']
  receive: Changes['receive']
  will: Changes['will']
  retain: LogRow
  key: [...Changes['key'], answer: string | null]
  keyLine: Changes['keyLine']
}

export type RestoredName = keyof Restored
export type Restore = { readonly [Name in RestoredName]: (...columns: Restored[Name]) => void }

/** What the store remembers about its log. Numbers are those of messages. */
export type MetaKey =
  /** Identifies the numbering. */
  | 'epoch'
  /** Above all numbers that were ever given. */
  | 'mark'
  /** The highest number in the log. */
  | 'last'
  /** 1 if the last gateway stored everything before it ended. */
  | 'clean'
  /** Up to this number, only the latest messages of topics are left. */
  | 'trimmed'
  /** Up to this number, messages of devices that exceeded their share may be missing. */
  | 'thinned'
  /** Before this number, messages of QoS 0 may be missing because of a crash. */
  | 'restart'
  /** Before this number, messages of QoS 0 may be missing because the disk was too slow. */
  | 'overload'
  /** The highest number of a message that the disk has damaged. */
  | 'damaged'
  /** Up to this number, the bridge has forwarded all messages; missing if there never was a bridge. */
  | 'forwarded'
  /** The time by the store's clock, and by the system's clock at the same moment. */
  | 'time'
  | 'wall'
  /** The numbering from before there was a log, its last number, and the difference to the numbers of the log. */
  | 'oldEpoch'
  | 'oldOffset'
  | 'oldLatest'
  /** Present until the history file of that numbering is moved away. */
  | 'historyFile'
