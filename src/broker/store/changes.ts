import type { Qos } from '../../topic/message.ts'

type Flag = 0 | 1
/** What MQTT 5 says of a message, as JSON; null for nothing. */
type Properties = string | null

/**
 * What can change in the store, by name, with the columns it takes. A journal writes these, and
 * tells a recovered store in the same words. Times are milliseconds by the store's clock, but for those of a message, which
 * are the system's and its device's.
 */
export interface Changes {
  /** A message enters the log; its payload has a character for each byte. */
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
    /** When it was measured, where its device says so. */
    ownTime: number | null,
  ]
  meta: [key: MetaKey, value: string]
  retain: [topic: string, number: number]
  unretain: [topic: string]
  session: [id: number, client: string, lastSeen: number, connected: Flag, expirySeconds: number]
  /** The copies that a session has of bundles below an id are gone. */
  floor: [floor: number, session: number]
  touch: [lastSeen: number, connected: Flag, expirySeconds: number, id: number]
  dropSession: [id: number]
  subscribe: [session: number, filter: string, qos: Qos, options: string]
  unsubscribe: [session: number, filter: string]
  dropSubscriptions: [session: number]
  /** Without a message it is a PUBREL that waits for its PUBCOMP. */
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
  /** The numbers of sessions, in the order of their copies. */
  audience: [id: number, sessions: string]
  dropAudience: [id: number]
  /** Copies of one message, with ids from the first to the last; a row of the queue goes before one of these. */
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
  /** One copy of a bundle is gone. */
  takeCopy: [id: number]
  /** Forgets what became of a bundle's copies. */
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
  /** A request that names a key has published something. */
  key: [id: number, device: string, key: string, fingerprint: string, expires: number]
  /** The reading of one of its lines. */
  keyLine: [key: number, line: number]
  keyAnswer: [answer: string, id: number]
  dropKey: [id: number]
  dropKeyLines: [key: number]
  /** Nothing but a write, to find out whether one works. */
  probe: [time: number]
}

export type ChangeName = keyof Changes
export type Append = readonly ['append', ...Changes['append']]
export type Change = { [Name in ChangeName]: readonly [Name, ...Changes[Name]] }[ChangeName]

/** A message as the log has it. */
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

/** What a recovered store is told, in an order in which each finds what it refers to. */
export interface Restored {
  meta: Changes['meta']
  session: [...Changes['session'], floor?: number]
  subscribe: Changes['subscribe']
  /** Those that wait in queues. */
  message: LogRow
  audience: Changes['audience']
  bundle: Changes['bundle']
  /** Without a session it is a copy of a bundle, and gone. */
  enqueue: Changes['enqueue']
  receive: Changes['receive']
  will: Changes['will']
  retain: LogRow
  key: [...Changes['key'], answer: string | null]
  keyLine: Changes['keyLine']
}

export type RestoredName = keyof Restored
export type Restore = { readonly [Name in RestoredName]: (...columns: Restored[Name]) => void }

/**
 * `epoch` names the numbering; `mark` is above all numbers given so far, `last` the highest in the log; `clean` is 1 when the
 * last gateway stored all it had. Up to `trimmed` all but the latest of each topic may be gone, up to `thinned` messages of a
 * device that had more than its share. Before the numbers `restart` and `overload` messages of QoS 0 may be missing, which a crash took or the disk could not.
 * A bridge has passed on all up to `forwarded`, where there ever was one.
 * `damaged` is the highest number of a message that the disk has damaged. `time` and `wall` say how late it was by the store's clock
 * and by the system's, at the same moment.
 * `oldEpoch` names the numbering before there was a log: its numbers, up to `oldLatest`, are `oldOffset` below those of the log.
 * `historyFile` is there while the file of that numbering is still to be moved out of the way.
 */
export type MetaKey =
  | 'epoch'
  | 'mark'
  | 'last'
  | 'clean'
  | 'trimmed'
  | 'thinned'
  | 'restart'
  | 'overload'
  | 'damaged'
  | 'forwarded'
  | 'time'
  | 'wall'
  | 'oldEpoch'
  | 'oldOffset'
  | 'oldLatest'
  | 'historyFile'
