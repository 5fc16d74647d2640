import type { LatePlace } from '../broker/broker.ts'
import type { EventIds } from './event-ids.ts'

/** How far a replay has come. */
export interface ReplayPlace {
  /** Among the messages that are not late, a number. */
  readonly number: number
  /** Among the late ones; where it is left out, the message of the number tells how far it was. */
  readonly late?: LatePlace
}

const LATE = /^([^.]+)\.(\d{1,16})\.(\d{1,16})$/

/** The id of a message; of a place between late ones, with more after it. */
export function placeText({ number, late }: ReplayPlace, ids: EventIds): string {
  const id = ids.of(number)
  return late ? `${id}.${late.time}.${late.number}` : id
}

/** What `placeText` wrote, and the id of any message; null for anything else. */
export function placeIn(text: string, ids: EventIds): ReplayPlace | null {
  const [, id = text, time, lateNumber] = LATE.exec(text) ?? []
  const number = ids.numberOf(id)
  if (number === null) return null
  if (time === undefined) return { number }
  const late = { time: Number(time), number: Number(lateNumber) }
  return Object.values(late).every(Number.isSafeInteger) ? { number, late } : null
}
