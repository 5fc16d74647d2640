import { GatewayError } from '../errors.ts'
import type { BridgeResult } from '../metrics/meter.ts'
import type { Publisher, Relay } from '../relay/relay.ts'
import type { UplinkMessage } from '../uplink/message.ts'
import type { Mapping } from './mapping.ts'

/** The device name of messages from the other broker; no certificate can have it. */
export const BRIDGE = '$bridge'

export interface InboxOptions {
  readonly relay: Pick<Relay, 'publish'>
  readonly mapping: Pick<Mapping, 'toLocal'>
  onReceived(result: BridgeResult): void
  /** Called when a message is skipped. */
  onRefused(topic: string, reason: GatewayError): void
}

/** Publishes a message from the other broker. Rejects when the other broker has to send it again. */
export function createInbox({
  relay,
  mapping,
  onReceived,
  onRefused,
}: InboxOptions): (message: UplinkMessage) => Promise<void> {
  const publisher: Publisher = {
    identity: { id: BRIDGE },
    door: 'bridge',
    // the mapping has allowed the topic already
    access: { mayPublish: () => true },
    origin: { session: null, arrival: null },
  }

  function refuse(topic: string, reason: GatewayError): void {
    onReceived('refused')
    onRefused(topic, reason)
  }

  return async ({ topic, payload, qos, retain, properties, messageExpiry }) => {
    const local = mapping.toLocal(topic)
    if (local === null) return refuse(topic, NOT_OURS)
    const outcome = await relay.publish(publisher, {
      topic: local.topic,
      payload,
      qos,
      retain,
      properties,
      messageExpiry,
    })
    if (outcome === null) return onReceived('accepted')
    if (outcome.code !== 'broker_unavailable') return refuse(topic, outcome)
    onReceived('failed')
    // a message with QoS 0 is never sent again
    if (qos > 0) throw outcome
  }
}

const NOT_OURS = new GatewayError(
  'publish_denied',
  'No topic of the bridge lets it in, or its topic here would not be valid.',
)
