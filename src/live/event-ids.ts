import type { OldNumbers } from '../broker/broker.ts'

/** The ids of events: the epoch of the numbering, and a number in it. */
export interface EventIds {
  of(number: number): string
  /** The number of an id; null for an id of an unknown numbering. */
  numberOf(id: string): number | null
}

const ID = /^([0-9a-f]{1,32})-(\d{1,16})$/

/** Also accepts ids of the numbering `old`, which no new events get. */
export function createEventIds(epoch: string, old: OldNumbers | null = null): EventIds {
  return {
    of: (number) => `${epoch}-${number}`,
    numberOf(id) {
      const [, numbering, digits] = ID.exec(id) ?? []
      const number = Number(digits)
      if (!Number.isSafeInteger(number)) return null
      if (numbering === epoch) return number
      return old && numbering === old.epoch && number <= old.latest ? number + old.offset : null
    },
  }
}
