/** Returns a function that calls `work` in the next turn of the event loop: once, however often it is called before that. */
export function onceNextTurn(work: () => void): () => void {
  let isPlanned = false

  function run(): void {
    isPlanned = false
    work()
  }

  return () => {
    if (isPlanned) return
    isPlanned = true
    setImmediate(run)
  }
}
