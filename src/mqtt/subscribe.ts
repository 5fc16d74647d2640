import { parseShared } from '../broker/groups.ts'
import type { Subscription } from '../broker/session.ts'
import type { Changed } from '../broker/session-broker.ts'
import type { RequestedSubscription } from '../broker/store/subscription.ts'
import type { Qos } from '../topic/message.ts'
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

/** What has become of the subscriptions of one packet. */
interface PartsChanged {
  /** Whether the session had a subscription of this name before. */
  had(name: string): boolean
  /** Names that another broker refuses. */
  readonly refused: ReadonlySet<string>
}

const REFUSED_ELSEWHERE = 'The broker behind the gateway refuses a filter.'
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
    const { maximumQos } = sessions.abilities
    const requested = granted.map(({ filter, qos, noLocal, retainAsPublished }) => ({
      name: filter,
      qos: Math.min(qos, maximumQos) as Qos,
      noLocal: noLocal || terms.isBridge,
      retainAsPublished: retainAsPublished || terms.isBridge,
      identifier,
    }))
    // of a name that comes twice the last one holds
    const byName = new Map(requested.map((one) => [one.name, one]))
    const changed = await inParts([...byName.values()], (part) => sessions.subscribe(session, part))
    if (changed === null) {
      const failed = codes.map((code) => (code <= 2 ? Reason.unspecifiedError : code))
      return answer(subackPacket(version, packetId, failed))
    }
    const { had, refused } = changed
    const final = codes.map((code, index) =>
      refused.has(subscriptions[index]?.filter ?? '') ? Reason.notAuthorized : code,
    )
    const why = problem ?? (refused.size > 0 ? REFUSED_ELSEWHERE : undefined)
    answer(subackPacket(version, packetId, final, terms.wantsReasons ? why : undefined))
    noteRefused(refused)
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
   * Changes the subscriptions part by part, in slices; null where a part could not be stored.
   */
  async function inParts<T extends RequestedSubscription | string>(
    wanted: readonly T[],
    change: (part: readonly T[]) => Changed,
  ): Promise<PartsChanged | null> {
    const before = new Set<string>()
    const storing: Promise<readonly string[]>[] = []
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
      const refused = await Promise.all(storing)
      return { had: (name) => before.has(name), refused: new Set(refused.flat()) }
    } catch {
      return null
    }
  }

  function noteRefused(refused: ReadonlySet<string>): void {
    const [filter] = refused
    if (filter === undefined) return
    const { device, clientId: client } = session
    world.logLimited(`subscription\0${session.client}`, (repeated) =>
      world.log.warn(
        { device, client, filter, ...repeated },
        'the broker behind the gateway refuses a subscription',
      ),
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
    const names = [...new Set(filters)]
    const changed = await inParts(names, (part) => sessions.unsubscribe(session, part))
    if (changed === null) {
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

function partsOf<T>(items: readonly T[]): T[][] {
  const parts: T[][] = []
  for (let from = 0; from < items.length; from += PART) parts.push(items.slice(from, from + PART))
  return parts
}
