import type { Session, Subscription } from '../session.ts'
import { countSubscription } from './device-totals.ts'
import type { StoreContext } from './store-context.ts'
import { isUnchanged, subscribeChange } from './subscription.ts'

/** The subscriptions of each session, in memory and in the journal. */
export function createSessionSubscriptions({
  journal,
  limits,
  memory,
}: Pick<StoreContext, 'journal' | 'limits' | 'memory'>) {
  return {
    /** Stores those subscriptions that are new or have changed options. */
    async subscribe(session: Session, wanted: readonly Subscription[]): Promise<void> {
      const changed = wanted.filter((one) => !isUnchanged(session.subscriptions.get(one.name), one))
      if (session.isStored && changed.length > 0) await journal.append(changed.map(subscribeChange))
    },
    async unsubscribe(session: Session, names: readonly string[]): Promise<void> {
      if (session.isStored && names.length > 0)
        await journal.append(names.map((name) => ['unsubscribe', session.id, name]))
    },
    /** Replaces the session's subscription of the same name. */
    addSubscription(subscription: Subscription): void {
      const { session, name } = subscription
      const before = session.subscriptions.get(name)
      if (before) countSubscription(before, -1)
      session.subscriptions.set(name, subscription)
      countSubscription(subscription, 1)
    },
    removeSubscription(subscription: Subscription): void {
      const { session, name } = subscription
      if (session.subscriptions.delete(name)) countSubscription(subscription, -1)
    },
    /** The room for new subscriptions of the session's device. */
    subscriptionRoom: ({ totals, device }: Session) => ({
      bytes: memory.room(device, 'subscription'),
      shared: limits.sharedSubscriptionsPerDevice - totals.sharedSubscriptions,
    }),
    /** Counts a subscription that was refused for lack of memory. */
    refuseSubscription: ({ device }: Session) => memory.refuse(device, 'subscription'),
  }
}
