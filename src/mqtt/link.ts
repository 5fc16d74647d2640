import type { Delivery } from '../broker/delivery.ts'
import type { ClientLink, EndReason, Match, Whereabouts } from '../broker/session.ts'
import type { Qos } from '../topic/message.ts'
import { endFor, failFor } from './ending.ts'
import { type ClientConnection, protocolOf } from './phase.ts'

/** A connection as the broker sees it. What fails in here is this connection's fault, and not that of whoever publishes. */
export function toLink(connection: ClientConnection): ClientLink {
  return new ConnectionLink(connection)
}

/** A class, because there are tens of thousands: closures would take several times the memory. */
class ConnectionLink implements ClientLink {
  readonly #connection: ClientConnection

  constructor(connection: ClientConnection) {
    this.#connection = connection
  }

  isOpen(): boolean {
    return this.#connection.phase.name === 'open'
  }

  whereabouts(): Whereabouts {
    const { door, address, since } = this.#connection
    return { door, address, since, protocol: protocolOf(this.#connection) }
  }

  hasRoom(): boolean {
    const { phase } = this.#connection
    return phase.name === 'open' && phase.conversation.sender.hasRoom()
  }

  deliver(delivery: Delivery, qos: Qos, match: Match): void {
    const { phase } = this.#connection
    try {
      if (phase.name === 'open') phase.conversation.sender.deliver(delivery, qos, match)
    } catch (error) {
      failFor(this.#connection, error)
    }
  }

  wake(): void {
    const { phase } = this.#connection
    try {
      if (phase.name === 'open') phase.conversation.sender.sendWaiting()
    } catch (error) {
      failFor(this.#connection, error)
    }
  }

  end(reason: EndReason): void {
    endFor(this.#connection, reason)
  }
}
