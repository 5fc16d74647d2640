import type { Broker, EndSubscription } from '../broker/broker.ts'
import type { Delivery } from '../broker/delivery.ts'
import type { GatewayError } from '../errors.ts'

/** A reader, as its audience uses it. */
interface Member {
  readonly filters: readonly string[]
  /** Called when the broker has ended the subscription. */
  refuse(error: GatewayError): void
}

/** Readers with the same filters. They share one subscription at the broker, so that a reader more costs it nothing. */
export interface Audiences<M extends Member> {
  /**
   * Once the filters of `reader` are subscribed to, calls `begin`; unless that returns null, the reader gets all messages from
   * then on. Resolves with what `begin` returned. Rejects with `subscription_refused` where the broker refuses.
   */
  enter<T>(reader: M, begin: () => T | null): Promise<T | null>
  /** The reader gets no more messages. */
  leave(reader: M): void
}

interface Audience<M> {
  readonly key: string
  readonly readers: Set<M>
  /** How many wait for the subscription. */
  coming: number
  readonly subscribed: Promise<EndSubscription>
  refusal: GatewayError | null
}

/** How the readers of an audience get messages. */
interface Giving<M> {
  /** Called with each message and those who asked for it. Must not block. */
  deliver(delivery: Delivery, readers: ReadonlySet<M>): void
  /** Called before a reader joins or all leave: those who were there get at once what they were to get. */
  finish(readers: ReadonlySet<M>): void
}

export function createAudiences<M extends Member>(
  subscribe: Broker['subscribe'],
  { deliver, finish }: Giving<M>,
): Audiences<M> {
  const audiences = new Map<string, Audience<M>>()

  function audienceOf(filters: readonly string[]): Audience<M> {
    const key = keyOf(filters)
    const known = audiences.get(key)
    if (known) return known
    const readers = new Set<M>()
    const audience: Audience<M> = {
      key,
      readers,
      coming: 0,
      subscribed: subscribe(
        filters,
        (delivery) => deliver(delivery, readers),
        (error) => refuse(audience, error),
      ),
      refusal: null,
    }
    audiences.set(key, audience)
    return audience
  }

  function refuse(audience: Audience<M>, error: GatewayError): void {
    audience.refusal = error
    // whoever comes next asks the broker again
    if (audiences.get(audience.key) === audience) audiences.delete(audience.key)
    finish(audience.readers)
    for (const reader of audience.readers) reader.refuse(error)
    audience.readers.clear()
    void end(audience)
  }

  async function end({ subscribed }: Audience<M>): Promise<void> {
    const unsubscribe = await subscribed.catch(() => null)
    await unsubscribe?.()
  }

  async function endIfEmpty(audience: Audience<M>): Promise<void> {
    if (audience.readers.size + audience.coming > 0 || audience.refusal) return
    audiences.delete(audience.key)
    await end(audience)
  }

  return {
    async enter(reader, begin) {
      const audience = audienceOf(reader.filters)
      audience.coming += 1
      try {
        await audience.subscribed
        if (audience.refusal) throw audience.refusal
        finish(audience.readers)
        const begun = begin()
        if (begun !== null) audience.readers.add(reader)
        return begun
      } finally {
        audience.coming -= 1
        await endIfEmpty(audience)
      }
    },
    leave(reader) {
      const audience = audiences.get(keyOf(reader.filters))
      if (audience?.readers.delete(reader)) void endIfEmpty(audience)
    },
  }
}

function keyOf(filters: readonly string[]): string {
  // no filter contains U+0000 [MQTT-4.7.3-2]
  return filters.join('\0')
}
