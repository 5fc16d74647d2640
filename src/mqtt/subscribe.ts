import { parseShared } from '../broker/groups.ts'
import type { Subscription } from '../broker/session.ts'
import type { Client, MqttWorld } from './client.ts'
import { subackPacket, unsubackPacket } from './encode.ts'
import { toCodes } from './grants.ts'
import type { Subscribe, SubscriptionRequest, Unsubscribe } from './packets.ts'
import { Reason } from './reasons.ts'

/** Changes what one client subscribes to. */
export interface Subscriber {
  /** Calls `answer` with the SUBACK; resolves when the next packet may be read. */
  subscribe(packet: Subscribe, answer: (bytes: Buffer) => void): Promise<void>
  unsubscribe(packet: Unsubscribe, answer: (bytes: Buffer) => void): Promise<void>
}

/** Filters of one SUBSCRIBE about which the rules are asked whether they could ever bring anything. */
const MOST_LOOKED_AT = 16
const AT_ONCE = 0
const IF_NEW = 1

/** `bring` is told which new subscriptions want what is retained, once their SUBACK is on its way. */
export function createSubscriber(
  client: Client,
  world: MqttWorld,
  bring: (subscriptions: readonly Subscription[]) => void,
): Subscriber {
  const { session, terms } = client
  const { sessions } = world
  const { version } = terms

  async function subscribe(packet: Subscribe, answer: (bytes: Buffer) => void): Promise<void> {
    const { subscriptions, identifier, packetId } = packet
    const { codes, problem } = toCodes(subscriptions, client, world)
    const granted = subscriptions.filter((_, index) => (codes[index] as number) <= 2)
    const changed = sessions.subscribe(
      session,
      granted.map(({ filter, qos, noLocal, retainAsPublished }) => ({
        name: filter,
        qos,
        noLocal: noLocal || terms.isBridge,
        retainAsPublished: retainAsPublished || terms.isBridge,
        identifier,
      })),
    )
    try {
      await changed.stored
    } catch {
      const failed = codes.map((code) => (code <= 2 ? Reason.unspecifiedError : code))
      return answer(subackPacket(version, packetId, failed))
    }
    answer(subackPacket(version, packetId, codes, terms.wantsReasons ? problem : undefined))
    noteHopeless(granted)
    const wanting = granted.filter(
      ({ filter, retainHandling }) =>
        retainHandling === AT_ONCE || (retainHandling === IF_NEW && !changed.had(filter)),
    )
    bring(
      wanting.flatMap(({ filter }) => {
        const subscription = session.subscriptions.get(filter)
        // a shared one brings nothing that is retained [MQTT 5 §4.8.2]
        return subscription && subscription.share === null ? [subscription] : []
      }),
    )
  }

  /** What is granted as with Mosquitto, and never brings anything: who waits for it finds out why in the log. */
  function noteHopeless(granted: readonly SubscriptionRequest[]): void {
    for (const { filter: name } of granted.slice(0, MOST_LOOKED_AT)) {
      const filter = parseShared(name)?.filter ?? name
      if (client.access.couldReceive([filter])) continue
      world.denials.note({ door: client.door, id: session.device, action: 'receive', topic: name })
    }
  }

  async function unsubscribe(
    { filters, packetId }: Unsubscribe,
    answer: (bytes: Buffer) => void,
  ): Promise<void> {
    const changed = sessions.unsubscribe(session, filters)
    try {
      await changed.stored
    } catch {
      const failed = filters.map(() => Reason.unspecifiedError)
      return answer(unsubackPacket(version, packetId, failed))
    }
    // as if each had come in a packet of its own: the second time it is gone [MQTT-3.10.4-6]
    const left = new Set(filters.filter(changed.had))
    const codes = filters.map((name) =>
      left.delete(name) ? Reason.success : Reason.noSubscriptionExisted,
    )
    answer(unsubackPacket(version, packetId, codes))
  }

  return { subscribe, unsubscribe }
}
