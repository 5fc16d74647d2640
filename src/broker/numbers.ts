/** Gives messages their numbers: in the order of delivery, and never the same one twice. */
export interface Numbers {
  /** A number for a message that is delivered now; undefined if none is left below the reserved numbers. */
  next(): number | undefined
  /** A number for a message that is stored before it is delivered; greater than all earlier ones. */
  reserve(): number
  /** The message with a reserved number is delivered now, or never will be. */
  settle(number: number): void
}

/** The numbers kept free between two stored messages, for messages that are delivered while the second is being stored. */
const STRIDE = 4096

/** `start` is greater than every number that was ever given. */
export function createNumbers(start: number): Numbers {
  let last = start
  let reserved = start
  const waiting: number[] = []

  return {
    next() {
      const first = waiting[0]
      if (first !== undefined && last + 1 >= first) return undefined
      last += 1
      return last
    },
    reserve() {
      reserved = (Math.floor(Math.max(reserved, last) / STRIDE) + 1) * STRIDE
      waiting.push(reserved)
      return reserved
    },
    settle(number) {
      waiting.shift()
      last = number
    },
  }
}
