import type { MqttClient } from 'mqtt'
import type { UplinkSubscription } from './message.ts'
import type { UplinkTerms } from './terms.ts'

export interface UplinkSubscriber {
  subscribe(subscriptions: readonly UplinkSubscription[]): Promise<number[]>
  unsubscribe(filters: readonly string[]): Promise<void>
}

/** AWS IoT Core takes no more in one SUBSCRIBE. */
const FILTERS_AT_ONCE = 8
const ANSWER_MS = 10_000

/** Asks one broker for what it sends; `end` is called when it does not answer. */
export function createUplinkSubscriber(
  client: MqttClient,
  { protocol }: Pick<UplinkTerms, 'protocol'>,
  end: (reason: string) => void,
): UplinkSubscriber {
  function answered<T>(what: string, ask: Promise<T>): Promise<T> {
    const timer = setTimeout(() => end(`it does not answer ${what}`), ANSWER_MS)
    return ask.finally(() => clearTimeout(timer))
  }

  function ask(filters: string[], subscription: UplinkSubscription): Promise<number[]> {
    const { qos, noLocal = false, retainAsPublished = false, retainHandling = 0 } = subscription
    const options =
      protocol === 5 ? { qos, nl: noLocal, rap: retainAsPublished, rh: retainHandling } : { qos }
    return new Promise((resolve, reject) =>
      client.subscribe(filters, options, (error, _, packet) => {
        if (packet?.granted) resolve(packet.granted as number[])
        else reject(error ?? new Error('the broker did not say which subscriptions it grants'))
      }),
    )
  }

  return {
    async subscribe(subscriptions) {
      const granted: number[] = []
      for (const alike of inParts(subscriptions)) {
        const filters = alike.map(({ filter }) => filter)
        granted.push(...(await answered('SUBSCRIBE', ask(filters, alike[0] as UplinkSubscription))))
      }
      return granted
    },
    async unsubscribe(filters) {
      for (let at = 0; at < filters.length; at += FILTERS_AT_ONCE)
        await answered(
          'UNSUBSCRIBE',
          client.unsubscribeAsync(filters.slice(at, at + FILTERS_AT_ONCE)),
        )
    },
  }
}

/** Neighbours with the same options, which are what one call of mqtt.js takes. */
function inParts(subscriptions: readonly UplinkSubscription[]): UplinkSubscription[][] {
  const parts: UplinkSubscription[][] = []
  for (const subscription of subscriptions) {
    const last = parts.at(-1)
    if (
      last &&
      last.length < FILTERS_AT_ONCE &&
      isAlike(last[0] as UplinkSubscription, subscription)
    )
      last.push(subscription)
    else parts.push([subscription])
  }
  return parts
}

function isAlike(a: UplinkSubscription, b: UplinkSubscription): boolean {
  return (
    a.qos === b.qos &&
    a.noLocal === b.noLocal &&
    a.retainAsPublished === b.retainAsPublished &&
    a.retainHandling === b.retainHandling
  )
}
