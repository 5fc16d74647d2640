// Loaded into a server by --import: tells its parent how long the garbage collector stopped it since the last question.
import { PerformanceObserver } from 'node:perf_hooks'

/** Pauses of the garbage collector in milliseconds. */
export interface Pauses {
  readonly total: number
  readonly longest: number
}

if (process.send) {
  let pauses: Pauses = { total: 0, longest: 0 }
  const note = (entries: readonly { readonly duration: number }[]) => {
    for (const { duration } of entries)
      pauses = {
        total: pauses.total + duration,
        longest: Math.max(pauses.longest, duration),
      }
  }
  const observer = new PerformanceObserver((list) => note(list.getEntries()))
  observer.observe({ entryTypes: ['gc'] })
  process.on('message', (question) => {
    if (question !== 'pauses') return
    note(observer.takeRecords())
    process.send?.(pauses)
    pauses = { total: 0, longest: 0 }
  })
  process.channel?.unref()
}
