import type { Writable } from 'node:stream'
import type { IPublishPacket } from 'mqtt'
import { messageOf } from '../errors.ts'
import type { UplinkMessage } from './message.ts'
import type { UplinkOptions } from './options.ts'
import { expiryIn, fromPacketProperties } from './properties.ts'

export interface UplinkInboxOptions extends Pick<UplinkOptions, 'onMessage'> {
  /** Where acknowledgements go. */
  readonly socket: Writable
  /** Ends the connection, so that the broker sends again what is not acknowledged. */
  onFailure(reason: string): void
}

export interface UplinkInbox {
  /** Hands a message on; `proceed` lets mqtt.js go on to the next packet. */
  take(packet: IPublishPacket, proceed: (error?: Error) => void): void
}

/** Messages that may be on their way into the gateway at once; with more, the socket is not read. */
const MOST_UNDERWAY = 1_000

interface Arrived {
  readonly id: number
  isTaken: boolean
}

/** Takes the broker's messages. Each one with QoS 1 is acknowledged once the gateway has taken it, in the order of arrival [MQTT-4.6.0-2]. */
export function createUplinkInbox({
  onMessage,
  socket,
  onFailure,
}: UplinkInboxOptions): UplinkInbox {
  const unacknowledged: Arrived[] = []
  let underway = 0
  let whenRoom: (() => void) | null = null

  function acknowledge(): void {
    while (unacknowledged[0]?.isTaken) {
      const { id } = unacknowledged.shift() as Arrived
      if (socket.writable) socket.write(Buffer.from([0x40, 2, id >> 8, id & 0xff]))
    }
  }

  function deliver(packet: IPublishPacket): void | Promise<void> {
    try {
      return onMessage(toMessage(packet))
    } catch (error) {
      // nobody above mqtt.js would hear it
      return Promise.reject(error)
    }
  }

  async function settle(taken: Promise<void>, arrived: Arrived | null): Promise<void> {
    underway += 1
    try {
      await taken
      if (arrived) arrived.isTaken = true
      acknowledge()
    } catch (error) {
      onFailure(`a message could not be processed: ${messageOf(error)}`)
    } finally {
      underway -= 1
      if (whenRoom && underway < MOST_UNDERWAY) {
        whenRoom()
        whenRoom = null
      }
    }
  }

  return {
    take(packet, proceed) {
      const arrived = packet.qos === 1 ? { id: packet.messageId as number, isTaken: false } : null
      if (arrived) unacknowledged.push(arrived)
      const taken = deliver(packet)
      if (taken) void settle(taken, arrived)
      else if (arrived) {
        arrived.isTaken = true
        acknowledge()
      }
      // given an error, mqtt.js does not acknowledge the message itself
      const resume = () => proceed(arrived ? OURS : undefined)
      if (underway < MOST_UNDERWAY) resume()
      else whenRoom = resume
    },
  }
}

const OURS = new Error('acknowledged once it is taken')

function toMessage({
  topic,
  payload,
  qos,
  retain,
  dup,
  properties,
}: IPublishPacket): UplinkMessage {
  return {
    topic,
    payload: Buffer.isBuffer(payload) ? payload : Buffer.from(payload),
    qos,
    retain,
    dup,
    properties: fromPacketProperties(properties),
    messageExpiry: expiryIn(properties),
  }
}
