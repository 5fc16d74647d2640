import type { Broker } from '../broker/broker.ts'
import type { Delivery } from '../broker/delivery.ts'
import { isExpired } from '../topic/message.ts'
import { type Beginning, RETAINED_SUFFIX } from './beginning.ts'
import { type EventFormat, eventFrame, gapFrame } from './event.ts'
import { type Hub, type Reader, wants } from './hub.ts'

/** The reader of a stream, while it is sent what came before the live events. */
export interface CatchUpReader extends Reader {
  readonly format: EventFormat
  /** The id of the last event that the reader got. */
  readonly lastEventId: string | undefined
  hasEnded(): boolean
  /** Writes the event of a message. */
  send(frame: Buffer): void
  /** Writes anything else. */
  write(frame: Buffer): void
  /** Resolves once the reader can take more. */
  drained(): Promise<void>
}

/**
 * Sends the retained messages, then everything after the number of `beginning`, without repeats and with an event for every
 * gap. Resolves when everything before the live events is sent and the hub delivers those, or when the stream has ended.
 */
export async function catchUp(
  recipient: CatchUpReader,
  { number, hasRetained }: Beginning,
  hub: Hub,
  broker: Pick<Broker, 'retained' | 'log'>,
): Promise<void> {
  const { filters, format } = recipient
  const { pace, ids } = hub
  const lastEventId = recipient.lastEventId ?? ''

  /** Sends messages one by one, as fast as the reader takes them. The rules may change in the meantime. */
  async function sendEach<T extends Pick<Delivery, 'topic' | 'expires'>>(
    messages: Iterable<T>,
    frameOf: (message: T) => Buffer,
    isWanted = ({ topic }: T) => recipient.mayReceive(topic),
  ): Promise<void> {
    for (const message of messages) {
      while (!pace.take()) await pace.turn()
      if (recipient.hasEnded()) return
      if (!isWanted(message) || isExpired(message, broker.log.now)) continue
      recipient.send(frameOf(message))
      await recipient.drained()
    }
  }

  /** Retained messages with a greater number come with the messages after it. */
  async function sendRetained(): Promise<void> {
    const messages = (await retainedOf(filters, broker)).filter(
      ({ topic, sequence }) => sequence <= number && recipient.mayReceive(topic),
    )
    const last = messages.at(-1)
    const id = ids.of(number)
    await sendEach(messages, (message) =>
      eventFrame(message, message === last ? id : `${id}${RETAINED_SUFFIX}`, format),
    )
  }

  /** Sends the messages in the log after a number, up to the first in memory; returns the number it reached. */
  async function sendStored(after: number): Promise<number> {
    let reached = after
    function tellTrimmed(): void {
      const oldest = broker.log.oldest()
      if (reached >= oldest) return
      recipient.write(gapFrame(ids.of(oldest), lastEventId, 'expired'))
      reached = oldest
    }
    tellTrimmed()
    while (!recipient.hasEnded() && reached < hub.earliest()) {
      const page = await broker.log.read({ after: reached, upTo: hub.earliest(), filters })
      tellTrimmed()
      if (page.damaged?.length) recipient.write(gapFrame(ids.of(reached), lastEventId, 'damaged'))
      const from = reached
      await sendEach(
        page.deliveries.filter(({ sequence }) => sequence > from),
        (delivery) => eventFrame(delivery, ids.of(delivery.sequence), format),
      )
      reached = Math.max(reached, page.reached)
    }
    return reached
  }

  if (hasRetained) await sendRetained()
  let reached = number
  while (!recipient.hasEnded()) {
    reached = await sendStored(reached)
    if (recipient.hasEnded()) return
    const missed = await hub.follow(recipient, reached)
    // memory may have dropped more messages while the disk was read
    if (missed === null) continue
    return await sendEach(
      missed,
      (entry) => hub.frame(entry, format),
      ({ topic }) => wants(recipient, topic),
    )
  }
}

/** Each retained message once, even if several filters cover it. */
async function retainedOf(
  filters: readonly string[],
  broker: Pick<Broker, 'retained'>,
): Promise<Delivery[]> {
  const found = new Map<string, Delivery>()
  // in parallel, because each filter may be a request to another broker
  for (const messages of await Promise.all(filters.map(broker.retained)))
    for (const message of messages) found.set(message.topic, message)
  return [...found.values()]
}
