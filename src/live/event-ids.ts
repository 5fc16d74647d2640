/** The ids of events: the name of the numbering, and a number in it. */
export interface EventIds {
  of(number: number): string
  /** The number in an id; null for one that is not of this numbering. */
  numberOf(id: string): number | null
}

const ID = /^([0-9a-f]{1,32})-(\d{1,16})$/

export function createEventIds(epoch: string): EventIds {
  return {
    of: (number) => `${epoch}-${number}`,
    numberOf(id) {
      const [, numbering, digits] = ID.exec(id) ?? []
      const number = Number(digits)
      return numbering === epoch && Number.isSafeInteger(number) ? number : null
    },
  }
}
