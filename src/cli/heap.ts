import { PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

/**
 * Garbage outside of new space, in per cent of live data, at which V8 collects it: V8's own limit goes up to three hundred. A
 * small heap may have more, because short-lived Buffers count as garbage too: with 40 per cent of 20 MB a busy gateway spends a
 * third of its time on collecting a heap that does not grow.
 */
const LARGE_HEAP = 40
const SMALL_HEAP = 150
/** Bytes of garbage that a heap may have whatever its size. */
const LEAST_GARBAGE = 32 * 1024 * 1024
/** For V8's own limit. */
const NO_LIMIT = 0

/**
 * V8 creates objects directly in the old heap where most earlier ones of the same place in the code have survived, such as those
 * of the first requests, while many were under way. There they would stay until the next major collection, with all that they
 * refer to.
 */
const CREATES_OLD_OBJECTS = 'allocation-site-pretenuring'

let percent = NO_LIMIT

/**
 * Keeps the heap close to the size of its live data, even when a flood makes garbage: the process never gives back heap memory.
 */
export function keepHeapSmall(): void {
  limit(SMALL_HEAP)
  // at every collection, so that the next major one goes by the size that the heap has then
  new PerformanceObserver(() => limit(percentFor(oldBytes()))).observe({ entryTypes: ['gc'] })
}

/** Calls `task` while V8 has the flags with which the process started. */
export function withFirstFlags(task: () => void): void {
  const before = percent
  limit(NO_LIMIT)
  try {
    task()
  } finally {
    limit(before)
  }
}

function limit(wanted: number): void {
  if (wanted === percent) return
  percent = wanted
  setFlagsFromString(`--${percent === NO_LIMIT ? '' : 'no-'}${CREATES_OLD_OBJECTS}`)
  setFlagsFromString(`--heap-growing-percent=${percent}`)
}

function percentFor(bytes: number): number {
  const rounded = Math.round((LEAST_GARBAGE / bytes) * 10) * 10
  return Math.min(SMALL_HEAP, Math.max(LARGE_HEAP, rounded))
}

/** Bytes of objects that have survived. */
function oldBytes(): number {
  let bytes = 0
  for (const { space_name, space_used_size } of getHeapSpaceStatistics())
    if (!space_name.startsWith('new_')) bytes += space_used_size
  return bytes
}
