import type { Turn } from './line.ts'

/**
 * What the gateway knows of a message besides its MQTT fields. It travels in `properties`, the one field
 * that aedes copies by reference and that MQTT 3.1.1 does not send.
 */
export interface Stamp {
  /** WoTT ID of the publisher. */
  readonly device: string | null
  /** When the gateway took it, in milliseconds since the Unix epoch. */
  readonly time: number
  /** Its place in the one order of all messages; given when it is emitted. */
  sequence?: number
  /** Its place in its topic's line, while it waits there. */
  turn?: Turn | undefined
  /** The ids of the clients whose queues it is in. */
  queuedFor?: ReadonlySet<string>
  /** As a QoS 0 PUBLISH packet, once somebody was sent it. */
  bytes?: Buffer
}

export function stampOf(packet: object): Stamp | undefined {
  return (packet as { properties?: Stamp }).properties
}

export function setStamp(packet: object, stamp: Stamp): void {
  Object.assign(packet, { properties: stamp })
}
