/** The numbers of messages: in the order in which they are handed on, and never given twice. */
export interface Numbers {
  /** For a message that is handed on now; undefined while there is none left below those that are being stored. */
  next(): number | undefined
  /** For a message that is to be stored before it is handed on, after all that have theirs already. */
  reserve(): number
  /** The message with a reserved number is handed on now, or will never be. */
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
