import type { Qos } from '../../topic/message.ts'
import type { Payload } from './changes.ts'

/** Who published and when; the gateway puts it into `properties`, which MQTT 3.1.1 never sends. */
export interface Stamp {
  readonly device: string | null
  readonly time: number
}

/** A PUBLISH as aedes passes it on, as far as a store looks at it. */
export interface PublishPacket {
  cmd?: 'publish'
  topic: string
  payload: Payload
  qos: Qos
  retain?: boolean
  dup?: boolean
  messageId?: number | undefined
  brokerId?: string | undefined
  brokerCounter?: number | undefined
  /** Client that published it. */
  clientId?: string
  properties?: Partial<Stamp>
}

/** What remains of a QoS 2 message once the receiver has it. */
export interface PubrelPacket {
  cmd: 'pubrel'
  messageId: number
}

export type OutgoingPacket = PublishPacket | PubrelPacket

/** aedes' client, or what stands for one. */
export interface ClientRef {
  readonly id: string
  readonly clean?: boolean
}

/** The stamp as two columns; both null where there is none. */
export type StampColumns = [device: string | null, time: number | null]

export function stampOf({ properties }: { properties?: Partial<Stamp> }): StampColumns {
  const { device, time } = properties ?? {}
  return [typeof device === 'string' ? device : null, typeof time === 'number' ? time : null]
}

/** The stamp as a packet holds it: nothing else of its properties is kept. */
export function toProperties(...[device, time]: StampColumns): { properties?: Stamp } {
  return time === null ? {} : { properties: { device, time } }
}

/** A copy of its own: what arrived is a view that would keep a whole socket buffer alive. */
export function ownPayload(payload: Payload): Payload {
  if (typeof payload === 'string') return payload
  const copy = Buffer.allocUnsafeSlow(payload.length)
  copy.set(payload)
  return copy
}

/** A stored payload as the Buffer that aedes and its listeners expect. */
export function restoredPayload(payload: Payload): Payload {
  if (typeof payload === 'string') return payload
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
}

export function byteLength({ topic, payload }: { topic: string; payload: Payload }): number {
  return Buffer.byteLength(topic) + Buffer.byteLength(payload)
}
