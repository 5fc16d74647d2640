import type { LatePage, LatePlace, LateRange } from '../broker/broker.ts'
import { topicMatches } from '../topic/match.ts'
import { isLate } from '../topic/time.ts'
import { deliveryOf, ENTRIES_READ, type Entry } from './history.ts'
import { createSorted } from './sorted.ts'

/** The late entries of a history, in the order of their own times. */
export interface LateEntries {
  /** Adds an entry, if it is late. */
  add(entry: Entry): void
  /** Removes an entry, if it is here. */
  remove(entry: Entry): void
  read(range: LateRange): LatePage
}

export function createLateEntries(): LateEntries {
  const entries = createSorted<Entry>((one, other) => comparePlaces(placeOf(one), placeOf(other)))

  function walk({ after, from, to, newestFirst }: LateRange): Iterable<Entry> {
    if (newestFirst)
      return entries.backward(
        (entry) => entry.time >= to || comparePlaces(placeOf(entry), after) >= 0,
      )
    return entries.forward(
      (entry) => entry.time < from || comparePlaces(placeOf(entry), after) <= 0,
    )
  }

  return {
    add(entry) {
      if (isLate(entry)) entries.add(entry)
    },
    remove(entry) {
      if (isLate(entry)) entries.delete(entry)
    },
    read(range) {
      const { from, to, filters } = range
      const found: Entry[] = []
      let looked = 0
      for (const entry of walk(range)) {
        if (entry.time < from || entry.time >= to) break
        looked += 1
        if (filters.some((filter) => topicMatches(filter, entry.topic))) found.push(entry)
        if (looked === ENTRIES_READ)
          return { deliveries: found.map(deliveryOf), looked, reached: placeOf(entry) }
      }
      return { deliveries: found.map(deliveryOf), looked, reached: null }
    },
  }
}

function placeOf({ time, sequence }: Entry): LatePlace {
  return { time, number: sequence }
}

function comparePlaces(one: LatePlace, other: LatePlace): number {
  return one.time - other.time || one.number - other.number
}
