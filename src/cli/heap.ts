import { constants, PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8'
import { Script } from 'node:vm'

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

/** Time between two looks. V8 itself looks every 8 seconds, and waits for the next look if a script was made since its last one. */
const LOOK_MS = 20_000
/** Bytes of the handles that 1,000 connections give back: what they leave is worth a collection, if they are an eighth of all. */
const MANY_HANDLES = 32_000
const MANY_OF_ALL = 1 / 8
/** V8 begins a collection once 64 MiB have been allocated outside of its heap since the last one. */
const BEGINS_COLLECTION = 65 * 1024 * 1024

let percent = NO_LIMIT

/**
 * Keeps the heap close to the size of its live data: when a flood makes garbage, because the process seldom gives back heap memory,
 * and when clients have left, after which nothing may be allocated that would make V8 collect what they leave.
 */
export function keepHeapSmall(lookMs = LOOK_MS): void {
  let mostHandles = handleBytes()
  limit(SMALL_HEAP)
  // at every collection, so that the next major one goes by the size that the heap has then
  new PerformanceObserver((list) => {
    limit(percentFor(oldBytes()))
    if (list.getEntries().some(isMajor)) mostHandles = handleBytes()
  }).observe({ entryTypes: ['gc'] })

  function look(): void {
    letQuietHeapShrink()
    const handles = handleBytes()
    mostHandles = Math.max(mostHandles, handles)
    if (mostHandles - handles < Math.max(MANY_HANDLES, mostHandles * MANY_OF_ALL)) return
    mostHandles = handles
    beginCollection()
  }
  setInterval(look, lookMs).unref()
}

/**
 * While little is allocated V8 shrinks its heap. It also looks at the objects of its C++ heap, and takes a process that allocates none
 * of them at all for a busy one. A script is such an object.
 */
function letQuietHeapShrink(): void {
  new Script('')
}

/**
 * Has V8 mark garbage step by step, between other work; `gc()` would stop the process for all of it. Below a limit of 130 MiB
 * (`--max-old-space-size`) V8 does the same as `gc()`, which then has little to mark.
 */
function beginCollection(): void {
  try {
    // nothing is written to it, so that it takes no memory
    Buffer.allocUnsafeSlow(BEGINS_COLLECTION)
  } catch {
    // V8 has collected everything to find room for it
  }
}

/** Bytes of V8's handles for what Node has outside of the heap: connections, streams, requests to the system. */
function handleBytes(): number {
  return getHeapStatistics().used_global_handles_size
}

function isMajor(entry: PerformanceEntry): boolean {
  const { kind } = (entry as PerformanceEntry & { detail: { kind: number } }).detail
  return kind === constants.NODE_PERFORMANCE_GC_MAJOR
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
