import { setFlagsFromString } from 'node:v8'

/** Garbage that may come upon what is used before all of it is looked for, in per cent; V8's own idea is up to three hundred. */
const MOST_GARBAGE = 40

/** Keeps the heap near to what is really held, also while a flood makes garbage: memory that it once took stays with the process. */
export function keepHeapSmall(): void {
  setFlagsFromString(`--heap-growing-percent=${MOST_GARBAGE}`)
}
