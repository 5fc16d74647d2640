export type ThreadClock = ReturnType<typeof createThreadClock>

/** The store's clock in the database thread: the main thread sends the time now and then, and it is counted on from there. */
export function createThreadClock() {
  let offset: number | null = null
  return {
    isSet: () => offset !== null,
    set(time: number): void {
      offset = time - performance.now()
    },
    now: () => Math.floor((offset ?? performance.timeOrigin) + performance.now()),
  }
}
