import type { LatePlace } from '../broker/broker.ts'
import type { EventIds } from './event-ids.ts'

/** How far a replay has read. */
export interface ReplayPlace {
  /** The number of the last message among those that are not late. */
  readonly number: number
  /** The place among the late messages; if missing, it follows from the message with that number. */
  readonly late?: LatePlace
}

const LATE = /^([^.]+)\.(\d{1,16})\.(\d{1,16})$/

/** The place as text: the id of a message or, if more late messages follow there, a longer text. */
export function placeText({ number, late }: ReplayPlace, ids: EventIds): string {
  const id = ids.of(number)
  return late ? `${id}.${late.time}.${late.number}` : id
}

/** Reads a text of `placeText` or the id of any message; null for any other text. */
export function placeIn(text: string, ids: EventIds): ReplayPlace | null {
  const [, id = text, time, lateNumber] = LATE.exec(text) ?? []
  const number = ids.numberOf(id)
  if (number === null) return null
  if (time === undefined) return { number }
  const late = { time: Number(time), number: Number(lateNumber) }
  return Object.values(late).every(Number.isSafeInteger) ? { number, late } : null
}
