/** Work in steps of a fraction of a millisecond, for a process that has other things to do meanwhile. */
export type Steps<T> = Generator<undefined, T>

/** Takes all steps at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
  }
}
