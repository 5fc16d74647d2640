/** Aborted, with the signal's name, by the first SIGTERM or SIGINT; a second signal ends the process by default. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController()
  const heard = (signal: NodeJS.Signals) => {
    process.off('SIGTERM', heard)
    process.off('SIGINT', heard)
    stop.abort(signal)
  }
  process.on('SIGTERM', heard)
  process.on('SIGINT', heard)
  return stop.signal
}

/** Resolves when `stop` is aborted. */
export function stopped(stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stop.aborted) resolve()
    else stop.addEventListener('abort', () => resolve(), { once: true })
  })
}
