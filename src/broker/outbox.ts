import type { Client } from 'aedes'
import type { Logger } from 'pino'
import type { Meter } from '../metrics/meter.ts'
import { publishBytes, pubrelBytes } from './packet-bytes.ts'
import type { OutgoingPacket } from './persistence/packet.ts'
import type { Persistence } from './persistence/persistence.ts'
import type { Session, Sessions } from './session.ts'

export interface OutboxOptions {
  readonly persistence: Persistence
  readonly sessions: Sessions
  readonly meter: Meter
  readonly log: Logger
  /** Messages that one client may have without having acknowledged them. */
  readonly maxInflight: number
  /** Bytes that may wait for one MQTT subscriber. */
  readonly clientBuffer: number
}

/**
 * Sends a persistent session its QoS 1 and 2 messages from its stored queue, and only from there: so live
 * messages do not pass those that waited, a repetition is marked as one, and the window is kept.
 */
export interface Outbox {
  /** Repeats what an earlier connection left unacknowledged, then sends what waits. Call it once CONNACK is sent. */
  open(client: Client): void
  /** Sends what waits, as far as the window and the socket allow. */
  send(client: Client): void
}

export function createOutbox(options: OutboxOptions): Outbox {
  const { persistence, sessions, meter, log, maxInflight, clientBuffer } = options
  const open = new WeakSet<Client>()
  const sending = new WeakSet<Client>()

  function mayRead({ access }: Session, client: Client, packet: OutgoingPacket): boolean {
    if (packet.cmd === 'pubrel' || access?.mayReceive(packet.topic)) return true
    persistence.outgoingWithdraw(client, packet)
    return false
  }

  function write({ wire, door }: Session, packet: OutgoingPacket): void {
    if (packet.cmd === 'pubrel') {
      wire.write(pubrelBytes(packet.messageId))
      return
    }
    const { topic, qos, retain = false, dup = false, messageId } = packet
    wire.write(
      publishBytes({ topic, payload: packet.payload as Buffer, qos, retain, dup, messageId }),
    )
    meter.delivered(door)
  }

  async function sendWaiting(client: Client, session: Session): Promise<void> {
    while (!client.closed && session.wire.waiting < clientBuffer) {
      const packet = persistence.outgoingTake(client, maxInflight)
      if (!packet) return
      // sent again after a crash under another identifier it would be another message [MQTT-4.3.3-1]
      if (packet.qos === 2) await persistence.stored()
      if (!client.closed && mayRead(session, client, packet)) write(session, packet)
    }
  }

  function send(client: Client): void {
    const session = sessions.get(client)
    if (!session || !open.has(client) || sending.has(client)) return
    sending.add(client)
    sendWaiting(client, session)
      .catch((error) => {
        // what is not sent now is sent on the next connection
        log.error({ err: error, client: client.id }, 'cannot send what waits for a session')
        client.conn.destroy()
      })
      .finally(() => sending.delete(client))
  }

  return {
    open(client) {
      const session = sessions.get(client)
      if (!session) return
      for (const packet of persistence.outgoing(client))
        if (packet.messageId !== undefined && mayRead(session, client, packet))
          write(session, packet)
      open.add(client)
      send(client)
    },
    send,
  }
}
