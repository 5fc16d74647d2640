import type { ClientLink } from '../broker/session.ts'
import { endFor, failFor } from './ending.ts'
import { type ClientConnection, protocolOf } from './phase.ts'

/** A connection as the broker sees it. What fails in here is this connection's fault, and not that of whoever publishes. */
export function toLink(connection: ClientConnection): ClientLink {
  return {
    isOpen: () => connection.phase.name === 'open',
    whereabouts() {
      const { door, address, since } = connection
      return { door, address, since, protocol: protocolOf(connection) }
    },
    hasRoom() {
      const { phase } = connection
      return phase.name === 'open' && phase.conversation.sender.hasRoom()
    },
    deliver(delivery, qos, match) {
      const { phase } = connection
      try {
        if (phase.name === 'open') phase.conversation.sender.deliver(delivery, qos, match)
      } catch (error) {
        failFor(connection, error)
      }
    },
    wake() {
      const { phase } = connection
      try {
        if (phase.name === 'open') phase.conversation.sender.sendWaiting()
      } catch (error) {
        failFor(connection, error)
      }
    },
    end: (reason) => endFor(connection, reason),
  }
}
