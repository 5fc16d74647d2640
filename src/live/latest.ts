import type { Delivery } from '../broker/delivery.ts'
import { isExpired } from '../topic/message.ts'
import type { Pace } from '../turns/pace.ts'
import type { GapCause } from './event.ts'
import type { LogReader } from './log-reader.ts'
import type { Cut, ReplayBounds } from './replay.ts'

/** A request for the latest message of each topic. */
export interface LatestRequest {
  readonly filters: readonly string[]
  /** The topic after which it continues; empty for all topics. */
  readonly after: string
  /** Called for every message when it is read. */
  mayReceive(topic: string): boolean
}

/** The latest message of each topic. */
export interface Latest {
  readonly gaps: readonly GapCause[]
  /** In the order of topics, without expired messages. The caller may stop before the end. */
  deliveries(): AsyncGenerator<Delivery, void>
  /** Why it ended early; null when it did not. */
  cut(): Cut | null
  /** Why messages are missing, as found while reading. */
  lost(): readonly GapCause[]
  /** The topic after which another request continues. */
  position(): string
}

/** Reads the messages that `request` asks for. In `bounds`, `scanned` counts topics. */
export function openLatest(
  reader: LogReader,
  { filters, after, mayReceive }: LatestRequest,
  bounds: ReplayBounds,
  pace: Pace,
): Latest {
  const deadline = performance.now() + bounds.milliseconds
  const gaps = new Set<GapCause>(reader.gapsAfter(0))
  if (reader.began !== null) gaps.add('restart')
  const lost = new Set<GapCause>()
  let position = after
  let cut: Cut | null = null

  const isWanted = (delivery: Delivery) =>
    !isExpired(delivery, reader.now) && mayReceive(delivery.topic)

  async function* deliveries(): AsyncGenerator<Delivery, void> {
    let scanned = 0
    for (;;) {
      const page = await reader.readTopics({ after: position, filters })
      if (page.damaged?.length) lost.add('damaged')
      for (const delivery of page.deliveries) {
        while (!pace.take()) await pace.turn()
        if (isWanted(delivery)) yield delivery
        position = delivery.topic
      }
      if (page.reached === null) return
      position = page.reached
      scanned += page.scanned
      if (scanned >= bounds.scanned) cut = 'work'
      else if (performance.now() > deadline) cut = 'time'
      if (cut) return
    }
  }

  return {
    gaps: [...gaps],
    deliveries,
    lost: () => [...lost],
    cut: () => cut,
    position: () => position,
  }
}
