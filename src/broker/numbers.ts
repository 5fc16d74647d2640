/** Gives messages their numbers: in the order of delivery, and never the same one twice. */
export interface Numbers {
  /** A number for a message that is delivered now; undefined when none is left below those of messages that are being stored. */
  next(): number | undefined
  /** A number for a message that is stored before it is delivered; greater than all numbers given so far. */
  reserve(): number
  /** The message with a reserved number is delivered now, or never will be. */
  settle(number: number): void
}

/** Numbers between those of two stored messages, for what is handed on while the second is being stored. */
const STRIDE = 4096

/** `start` is above every number that was ever given. */
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
