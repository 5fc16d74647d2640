import { parseShared } from '../broker/groups.ts'
import type { Subscription } from '../broker/session.ts'
import type { Changed } from '../broker/session-broker.ts'
import type { Requested } from '../broker/store/sessions.ts'
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
/** Filters that are changed without a break. */
const PART = 64
const AT_ONCE = 0
const IF_NEW = 1

/** `bring` is told which new subscriptions want what is retained, once their SUBACK is on its way. */
export function createSubscriber(
  client: Client,
  world: MqttWorld,
  bring: (subscriptions: readonly Subscription[]) => void,
): Subscriber {
  const { session, terms } = client
  const { sessions, turns } = world
  const { version } = terms

  async function subscribe(packet: Subscribe, answer: (bytes: Buffer) => void): Promise<void> {
    const { subscriptions, identifier, packetId } = packet
    const { codes, problem } = await toCodes(subscriptions, client, world)
    const granted = subscriptions.filter((_, index) => (codes[index] as number) <= 2)
    const requested = granted.map(({ filter, qos, noLocal, retainAsPublished }) => ({
      name: filter,
      qos,
      noLocal: noLocal || terms.isBridge,
      retainAsPublished: retainAsPublished || terms.isBridge,
      identifier,
    }))
    // of a name that comes twice the last one holds
    const byName = new Map(requested.map((one) => [one.name, one]))
    const had = await inParts([...byName.values()], (part) => sessions.subscribe(session, part))
    if (had === null) {
      const failed = codes.map((code) => (code <= 2 ? Reason.unspecifiedError : code))
      return answer(subackPacket(version, packetId, failed))
    }
    answer(subackPacket(version, packetId, codes, terms.wantsReasons ? problem : undefined))
    noteHopeless(granted)
    const wanting = granted.filter(
      ({ filter, retainHandling }) =>
        retainHandling === AT_ONCE || (retainHandling === IF_NEW && !had(filter)),
    )
    bring(
      wanting.flatMap(({ filter }) => {
        const subscription = session.subscriptions.get(filter)
        // a shared one brings nothing that is retained [MQTT 5 §4.8.2]
        return subscription && subscription.share === null ? [subscription] : []
      }),
    )
  }

  /**
   * Changes the subscriptions part by part, in slices. Whether the session had one of a name before; null where a part could
   * not be stored.
   */
  async function inParts<T extends Requested | string>(
    wanted: readonly T[],
    change: (part: readonly T[]) => Changed,
  ): Promise<((name: string) => boolean) | null> {
    const before = new Set<string>()
    const storing: Promise<void>[] = []
    await turns.each(session.device, partsOf(wanted), (part) => {
      if (!client.isOpen()) return
      const { had, stored } = change(part)
      for (const one of part) {
        const name = typeof one === 'string' ? one : one.name
        if (had(name)) before.add(name)
      }
      storing.push(stored)
      stored.catch(() => {})
    })
    try {
      await Promise.all(storing)
    } catch {
      return null
    }
    return (name) => before.has(name)
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
    const names = [...new Set(filters)]
    const had = await inParts(names, (part) => sessions.unsubscribe(session, part))
    if (had === null) {
      const failed = filters.map(() => Reason.unspecifiedError)
      return answer(unsubackPacket(version, packetId, failed))
    }
    // as if each had come in a packet of its own: the second time it is gone [MQTT-3.10.4-6]
    const left = new Set(filters.filter(had))
    const codes = filters.map((name) =>
      left.delete(name) ? Reason.success : Reason.noSubscriptionExisted,
    )
    answer(unsubackPacket(version, packetId, codes))
  }

  return { subscribe, unsubscribe }
}

function partsOf<T>(items: readonly T[]): T[][] {
  const parts: T[][] = []
  for (let from = 0; from < items.length; from += PART) parts.push(items.slice(from, from + PART))
  return parts
}
