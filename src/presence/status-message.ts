import type { Delivery } from '../broker/delivery.ts'
import type { HeardTopic, PresenceState } from './heard.ts'
import { GATEWAY_NAME, type OwnMessage } from './own-messages.ts'

/** Empties a status topic. */
export const NO_STATUS: OwnMessage = { payload: '', properties: null }

/** The user property with the time of the device's last message. */
const LAST_HEARD = 'last-heard'

/** What is published to a status topic. */
export function statusMessage({ state, received }: HeardTopic): OwnMessage {
  return {
    payload: state,
    properties: {
      payloadFormatIndicator: 1,
      contentType: 'text/plain',
      userProperties: [[LAST_HEARD, new Date(received).toISOString()]],
    },
  }
}

/** Whether the gateway has published this status. Another broker does not pass its name on, only its user property. */
export function isOwnStatus({ device, properties }: Delivery): boolean {
  if (device !== null) return device === GATEWAY_NAME
  return properties?.userProperties?.some(([name]) => name === LAST_HEARD) ?? false
}

/** The state that a status message tells; null for any other payload. */
export function stateIn(status: Delivery | undefined): PresenceState | null {
  const payload = status?.payload.toString()
  return payload === 'online' || payload === 'offline' ? payload : null
}
