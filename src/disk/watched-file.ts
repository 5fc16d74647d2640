import { codeOf, messageOf } from '../errors.ts'

/** Keeps what was loaded from files up to date. */
export interface WatchedFile {
  /** Loads the files again, changed or not. Resolves when that is done, also when it failed. */
  reload(): Promise<void>
  /** Loads the files if they have changed, or could not be loaded before. */
  reloadIfChanged(): Promise<void>
  /** Why the last load failed, so that older contents are in force; null when they are up to date. */
  failure(): string | null
  close(): void
}

export interface WatchOptions {
  /** A text that changes whenever the files do. */
  state(): Promise<string>
  /** Reads the files and puts them in force; rejects when they cannot be used. One call at a time; `asked` by `reload`. */
  load(asked: boolean): Promise<void>
  /** Called after each failed load. */
  readonly onFailure?: ((error: unknown) => void) | undefined
  /** Called after each check, whether or not anything was loaded. */
  onChecked?(): void
  /** The `state` of what the caller has already loaded, if it has. */
  readonly loaded?: string
  /** Milliseconds between two checks; null to check only when asked. */
  readonly intervalMs: number | null
  /** The longest pause before files that could not be loaded, and have not changed since, are tried again. */
  readonly longestPauseMs?: number
}

const LONGEST_PAUSE_MS = 30_000

/** A load that has not begun yet: whoever asks for one until then shares it. */
interface PendingLoad {
  asked: boolean
  readonly done: Promise<void>
}

/**
 * Loads files again when they change. A failed load is tried again after pauses that double, even if the files have not
 * changed: the disk may come back, or file descriptors become free.
 */
export function watchFile(options: WatchOptions): WatchedFile {
  const { state, load, intervalMs, longestPauseMs = LONGEST_PAUSE_MS } = options
  let loaded = options.loaded
  let failed: { state: string; pause: number; retryAt: number } | null = null
  let failure: string | null = null
  let last: Promise<void> = Promise.resolve()
  let next: PendingLoad | null = null
  let timer: NodeJS.Timeout | undefined
  let closed = false

  function enqueue(asked: boolean): Promise<void> {
    if (next) {
      next.asked ||= asked
      return next.done
    }
    const pending: PendingLoad = { asked, done: last.then(() => begin(pending)) }
    next = pending
    last = pending.done
    return pending.done
  }

  async function begin(pending: PendingLoad): Promise<void> {
    next = null
    if (closed) return
    const wanted = await state()
    if (pending.asked || isDue(wanted)) await attempt(wanted, pending.asked)
    if (!closed) options.onChecked?.()
  }

  function isDue(wanted: string): boolean {
    if (wanted === loaded && !failed) return false
    return failed?.state !== wanted || performance.now() >= failed.retryAt
  }

  async function attempt(wanted: string, asked: boolean): Promise<void> {
    try {
      await load(asked)
      // files written meanwhile have another state, so the next check loads them
      loaded = wanted
      failed = null
      failure = null
    } catch (error) {
      const pause =
        failed?.state === wanted
          ? Math.min(failed.pause * 2, longestPauseMs)
          : Math.min(intervalMs ?? longestPauseMs, longestPauseMs)
      failed = { state: wanted, pause, retryAt: performance.now() + pause }
      failure = messageOf(error)
      if (!closed) options.onFailure?.(error)
    }
  }

  function checkLater(interval: number): void {
    timer = setTimeout(async () => {
      await enqueue(false)
      if (!closed) checkLater(interval)
    }, interval).unref()
  }

  if (intervalMs !== null) checkLater(intervalMs)
  return {
    reload: () => enqueue(true),
    reloadIfChanged: () => enqueue(false),
    failure: () => failure,
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}

/** Whether `error` comes from having no file descriptor left, in this process or on the machine. */
export function isOutOfDescriptors(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const code = codeOf(at)
    if (code === 'EMFILE' || code === 'ENFILE') return true
  }
  return false
}
