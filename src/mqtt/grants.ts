import { parseShared } from '../broker/groups.ts'
import { subscriptionBytes } from '../broker/session.ts'
import { filterProblem, hasWildcard } from '../topic/topic.ts'
import type { Client, MqttWorld } from './client.ts'
import type { SubscriptionRequest } from './packets.ts'
import { ProtocolError, Reason } from './reasons.ts'

/** What a SUBSCRIBE is answered. */
export interface Codes {
  /** For each filter its reason code, which is its QoS where it is granted. */
  readonly codes: readonly number[]
  /** Why the first filter that is refused is, as a sentence. */
  readonly problem: string | undefined
}

/** Decides on one SUBSCRIBE, in slices: it can have tens of thousands of filters. */
export async function toCodes(
  requests: readonly SubscriptionRequest[],
  { session, access, terms }: Client,
  { sessions, meter, settings, turns }: MqttWorld,
): Promise<Codes> {
  const { maximumQos, sharesSubscriptions, knowsPublishers } = sessions.abilities
  let { bytes, shared } = sessions.subscriptionRoom(session)
  let names = settings.maxSubscriptions - session.subscriptions.size
  // of the names that the session does not have yet
  let looks = settings.maxSubscriptions
  let refused = 0
  const known = new Map<string, number>()
  let firstProblem: string | undefined

  /** Every valid filter is granted, as with Mosquitto; reading is decided on each delivery. */
  function codeFor({ filter: name, noLocal }: SubscriptionRequest): number {
    const share = parseShared(name)
    const filter = share?.filter ?? name
    const problem = (share && shareProblem(share.share)) ?? filterProblem(filter)
    if (problem) return invalid(problem, share !== null)
    if (share && !sharesSubscriptions) {
      firstProblem ??= 'Shared subscriptions are not supported in front of another broker.'
      return Reason.sharedSubscriptionsNotSupported
    }
    if ((noLocal || terms.isBridge) && !knowsPublishers) {
      firstProblem ??= 'No Local is not supported in front of another broker.'
      return Reason.implementationSpecificError
    }
    const isNew = !session.subscriptions.has(name)
    const cost = subscriptionBytes(name)
    if (isNew && bytes < cost) sessions.refuseSubscription(session)
    if (isNew && (looks-- <= 0 || names <= 0 || bytes < cost || (share && shared <= 0))) {
      refused += 1
      firstProblem ??=
        'The limit on subscriptions, or on their size, is reached (WOTT_MAX_SUBSCRIPTIONS).'
      return Reason.quotaExceeded
    }
    if (settings.subscribe === 'check' && !access.couldReceive([filter])) {
      firstProblem ??=
        'The ACL file does not allow the device to receive anything that matches a filter.'
      return Reason.notAuthorized
    }
    if (isNew) {
      names -= 1
      bytes -= cost
      if (share) shared -= 1
    }
    return Reason.success
  }

  /** MQTT 3.1.1 has no reason code for an invalid filter, and a shared filter is only an odd name to it. */
  function invalid(problem: string, isShared: boolean): number {
    firstProblem ??= `A filter ${problem}.`
    if (terms.version === 5 || isShared) return Reason.topicFilterInvalid
    throw new ProtocolError(Reason.topicFilterInvalid, `sent a filter that ${problem}`)
  }

  const codes: number[] = []
  await turns.each(session.device, requests, (request) => {
    const { filter, qos } = request
    const code = known.get(filter) ?? codeFor(request)
    known.set(filter, code)
    codes.push(code === Reason.success ? Math.min(qos, maximumQos) : code)
  })
  if (refused > 0) meter.storeLimitReached('subscriptions', refused)
  return { codes, problem: firstProblem }
}

function shareProblem(share: string): string | null {
  if (share === '' || hasWildcard(share))
    return 'has no valid share name after $share/ [MQTT-4.8.2-1, MQTT-4.8.2-2]'
  return null
}
