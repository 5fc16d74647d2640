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

/** Handles the SUBSCRIBE and UNSUBSCRIBE packets of one client. */
export interface SubscriptionHandler {
  /** Calls `answer` with the SUBACK; resolves when the next packet may be read. */
  subscribe(packet: Subscribe, answer: (bytes: Buffer) => void): Promise<void>
  unsubscribe(packet: Unsubscribe, answer: (bytes: Buffer) => void): Promise<void>
}

/** The result of changing the subscriptions of one packet. */
interface PartsChanged {
  /** Whether the session had a subscription of this name before. */
  had(name: string): boolean
  /** Names that another broker refuses. */
  readonly refused: ReadonlySet<string>
}

const REFUSED_ELSEWHERE = 'The broker behind the gateway refuses a filter.'
/** Filters of one SUBSCRIBE that are checked for whether any rule could match them. */
const MOST_CHECKED = 16
/** Filters that are changed before other devices get their turn. */
const FILTERS_PER_TURN = 64
// Retain Handling [MQTT 5 §3.8.3.1]
const AT_ONCE = 0
const IF_NEW = 1

/** Calls `sendRetained` after the SUBACK, with the subscriptions that want retained messages. */
export function createSubscriptionHandler(
  client: Client,
  world: MqttWorld,
  sendRetained: (subscriptions: readonly Subscription[]) => void,
): SubscriptionHandler {
  const { session, terms } = client
  const { sessions, turns } = world
  const { version } = terms

  async function subscribe(packet: Subscribe, answer: (bytes: Buffer) => void): Promise<void> {
    const { subscriptions, identifier, packetId } = packet
    const { codes, problem } = await toCodes(subscriptions, client, world)
    const granted = subscriptions.filter((_, index) => isGranted(codes[index] as number))
    const { maximumQos } = sessions.abilities
    const requested = granted.map(({ filter, qos, noLocal, retainAsPublished }) => ({
      name: filter,
      qos: Math.min(qos, maximumQos) as Qos,
      noLocal: noLocal || terms.isBridge,
      retainAsPublished: retainAsPublished || terms.isBridge,
      identifier,
    }))
    // if a filter comes twice, the last one counts
    const byName = new Map(requested.map((one) => [one.name, one]))
    const changed = await inParts([...byName.values()], (part) => sessions.subscribe(session, part))
    if (changed === null) {
      const failed = codes.map((code) => (isGranted(code) ? Reason.unspecifiedError : code))
      return answer(subackPacket(version, packetId, failed))
    }
    const { had, refused } = changed
    const final = codes.map((code, index) =>
      refused.has(subscriptions[index]?.filter ?? '') ? Reason.notAuthorized : code,
    )
    const why = problem ?? (refused.size > 0 ? REFUSED_ELSEWHERE : undefined)
    answer(subackPacket(version, packetId, final, terms.wantsReasons ? why : undefined))
    noteRefused(refused)
    noteUnmatchable(granted)
    sendRetained(retainedWanted(granted, had))
  }

  function retainedWanted(
    granted: readonly SubscriptionRequest[],
    had: PartsChanged['had'],
  ): Subscription[] {
    return granted.flatMap(({ filter, retainHandling }) => {
      const isWanted = retainHandling === AT_ONCE || (retainHandling === IF_NEW && !had(filter))
      const subscription = isWanted ? session.subscriptions.get(filter) : undefined
      // a shared subscription gets no retained messages [MQTT 5 §4.8.2]
      return subscription && subscription.share === null ? [subscription] : []
    })
  }

  /** Changes the subscriptions in parts, so that other devices get their turn; null if a part could not be stored. */
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

  /** Such a filter is granted, as by Mosquitto, but no rule lets it receive anything: the log says why nothing comes. */
  function noteUnmatchable(granted: readonly SubscriptionRequest[]): void {
    for (const { filter: name } of granted.slice(0, MOST_CHECKED)) {
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
    // as if each filter had its own packet: the second time it does not exist any more [MQTT-3.10.4-6]
    const left = new Set(filters.filter(changed.had))
    const codes = filters.map((name) =>
      left.delete(name) ? Reason.success : Reason.noSubscriptionExisted,
    )
    answer(unsubackPacket(version, packetId, codes))
  }

  return { subscribe, unsubscribe }
}

/** Reason codes 0 to 2 are the granted QoS; 0x80 and above are refusals [MQTT 5 §3.9.3]. */
function isGranted(code: number): boolean {
  return code <= 2
}

function partsOf<T>(items: readonly T[]): T[][] {
  const parts: T[][] = []
  for (let from = 0; from < items.length; from += FILTERS_PER_TURN)
    parts.push(items.slice(from, from + FILTERS_PER_TURN))
  return parts
}
