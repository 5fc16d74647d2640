import type { Logger } from 'pino'
import { GatewayError } from '../errors.ts'
import type { Broker } from './broker.ts'
import type { Delivery } from './delivery.ts'
import { createPublishing } from './publishing.ts'
import { createRegistry } from './registry.ts'
import { createRouting, type Demand } from './routing.ts'
import type { SessionBroker } from './session-broker.ts'
import { byteLength, keptMessage } from './store/columns.ts'
import type { Store } from './store/store.ts'
import { createSubscribing } from './subscribing.ts'

export interface EmbeddedOptions {
  readonly store: Store
  readonly log: Logger
  readonly demand?: Demand
  /** Calls the listener after each change of the rights of clients; returns how to stop that. By default they never change. */
  readonly onRightsChange?: ((listener: () => void) => () => void) | undefined
}

const EXPIRE_MESSAGES_MS = 60_000

/** The broker inside this process. */
export function openEmbedded({
  store,
  log,
  demand,
  onRightsChange,
}: EmbeddedOptions): Broker & SessionBroker {
  const { sessions, queueing, incoming, retained } = store
  const routing = createRouting(demand)
  for (const { subscriptions } of sessions.all())
    for (const subscription of subscriptions.values()) routing.add(subscription)
  const stopFollowingRights = onRightsChange?.(routing.forget)
  const registry = createRegistry(store, routing, log)
  const { subscribe, unsubscribe } = createSubscribing(sessions, routing)
  const { publish, idle } = createPublishing(store, routing, log)
  const expiring = setInterval(store.expireMessages, EXPIRE_MESSAGES_MS).unref()
  // a copy of the last queued message in a buffer of its own, which all its queues share
  let own: { readonly of: Delivery; readonly message: Delivery; readonly bytes: number } | undefined
  let isEnded = false
  let ending: Promise<void> | undefined
  let closing: Promise<void> | undefined

  function ownOf(message: Delivery): { readonly message: Delivery; readonly bytes: number } {
    if (own?.of !== message)
      own = { of: message, message: keptMessage(message), bytes: byteLength(message) }
    return own
  }

  /** Ends every connection, and stops once their wills are published. */
  async function end(): Promise<void> {
    await registry.endAll('shutting_down')
    isEnded = true
    registry.stop()
    clearInterval(expiring)
    stopFollowingRights?.()
    await idle()
  }

  function endOnce(): Promise<void> {
    ending ??= end()
    return ending
  }

  return {
    publish(message, origin = null, keyedLine = null) {
      if (isEnded) return Promise.reject(unavailable('The broker is closed.'))
      return publish(message, origin, keyedLine)
    },
    async subscribe(filters, onMessage) {
      // a new function each time, because the same one may be passed twice
      const listener = (delivery: Delivery) => onMessage(delivery)
      routing.listen(filters, listener)
      return async () => routing.unlisten(filters, listener)
    },
    async follow(onMessage) {
      const listener = (delivery: Delivery) => onMessage(delivery)
      routing.listenToAll(listener)
      return async () => routing.unlistenToAll(listener)
    },
    retained: (filter) => Array.fromAsync(retained.covered([filter])),
    whenBack() {},
    keys: store.keys,
    log: store.log,
    outage: () => (ending ? 'the broker is closed' : store.outage()),
    end: endOnce,
    close() {
      closing ??= endOnce().then(store.close)
      return closing
    },

    sessions: {
      abilities: {
        maximumQos: 2,
        mostSessionExpirySeconds: store.limits.sessionExpirySeconds,
        sharesSubscriptions: true,
        knowsPublishers: true,
      },
      now: store.now,
      async open(request) {
        if (ending) throw unavailable('The broker is closed.')
        return registry.open(request)
      },
      close: registry.close,
      publishWillsBy: registry.publishWillsBy,
      all: sessions.all,
      endAll: () => registry.endAll('shutting_down'),
      subscribe,
      unsubscribe,
      subscriptionRoom: sessions.subscriptionRoom,
      refuseSubscription: sessions.refuseSubscription,
      isHeard: (topic) => routing.of(topic).isHeard,
      retainedBy: retained.covered,
      retainedOn: retained.latest,
      hasRoomForRetained: queueing.hasRoomForRetained,
      async enqueueRetained(match, message, qos) {
        await queueing.enqueue(message, [{ match, qos, retain: true }], [])
      },
      push(match, pushed, qos, retain) {
        const { message, bytes } = ownOf(pushed)
        queueing.push(match.session, message, { match, qos, retain }, bytes)
      },
      pushSent(match, sent, qos, retain) {
        const receiver = { match, qos, retain }
        // its bytes have been sent; a copy is needed only where another member of the group may get it
        if (match.group === null) return queueing.pushSent(match.session, null, receiver, 0)
        const { message, bytes } = ownOf(sent)
        return queueing.pushSent(match.session, message, receiver, bytes)
      },
      rewind: queueing.resume,
      next: queueing.next,
      sent: queueing.sent,
      settle: queueing.discard,
      async release(session, entry) {
        queueing.release(session, entry)
        if (session.isStored) await store.stored()
      },
      stored: store.stored,
      arrive: incoming.add,
      forget: incoming.forget,
      leave: incoming.release,
    },
  }
}

function unavailable(message: string): GatewayError {
  return new GatewayError('broker_unavailable', message, { retryAfter: 1 })
}
