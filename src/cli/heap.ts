import { setFlagsFromString } from 'node:v8'

/** Garbage on the heap, in per cent of live data, at which V8 collects it; V8's own limit goes up to three hundred. */
const MOST_GARBAGE = 40

/**
 * Keeps the heap close to the size of its live data, even when a flood makes garbage: the process never gives back heap memory.
 */
export function keepHeapSmall(): void {
  setFlagsFromString(`--heap-growing-percent=${MOST_GARBAGE}`)
}
