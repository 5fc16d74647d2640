import { codeOf, messageOf } from '../errors.ts'

/** What is loaded from disk and has to follow it. */
export interface WatchedFile {
  /** Loads it again now, changed or not. Resolves when that is done, well or not. */
  reload(): Promise<void>
  /** Loads it if it has changed, or could not be loaded before. */
  look(): Promise<void>
  /** Why what is in force is not what is on the disk; null when it is. */
  problem(): string | null
  close(): void
}

export interface WatchOptions {
  /** Tells one state of the disk from the next. */
  state(): Promise<string>
  /** Puts what is on the disk in force; rejects when it cannot be used. One call at a time; `asked` by `reload`. */
  load(asked: boolean): Promise<void>
  /** Told of every attempt that failed. */
  readonly onFailure?: ((error: unknown) => void) | undefined
  /** Told after every look. */
  onLook?(): void
  /** What was loaded before the watching began, if something was. */
  readonly loaded?: string
  /** How often to look, in milliseconds; null for only when asked. */
  readonly intervalMs: number | null
  /** Longest pause before something that could not be loaded is tried again, although it has not changed. */
  readonly longestPauseMs?: number
}

const LONGEST_PAUSE_MS = 30_000

/** A load that is going to happen, for all who asked before it has begun. */
interface Turn {
  asked: boolean
  readonly done: Promise<void>
}

/**
 * Follows what is on the disk: it knows what is there and what is loaded, and loads until they are the same. What failed is
 * tried again, after pauses that double: a disk that comes back and descriptors that are free again are not a change.
 */
export function watchFile(options: WatchOptions): WatchedFile {
  const { state, load, intervalMs, longestPauseMs = LONGEST_PAUSE_MS } = options
  let loaded = options.loaded
  let failed: { state: string; pause: number; retryAt: number } | null = null
  let problem: string | null = null
  let last: Promise<void> = Promise.resolve()
  let next: Turn | null = null
  let timer: NodeJS.Timeout | undefined
  let closed = false

  function take(asked: boolean): Promise<void> {
    if (next) {
      next.asked ||= asked
      return next.done
    }
    const turn: Turn = { asked, done: last.then(() => begin(turn)) }
    next = turn
    last = turn.done
    return turn.done
  }

  async function begin(turn: Turn): Promise<void> {
    next = null
    if (closed) return
    const wanted = await state()
    if (turn.asked || isDue(wanted)) await attempt(wanted, turn.asked)
    if (!closed) options.onLook?.()
  }

  function isDue(wanted: string): boolean {
    if (wanted === loaded && !failed) return false
    return failed?.state !== wanted || performance.now() >= failed.retryAt
  }

  async function attempt(wanted: string, asked: boolean): Promise<void> {
    try {
      await load(asked)
      // what was written meanwhile is another state, and the next look finds it
      loaded = wanted
      failed = null
      problem = null
    } catch (error) {
      const pause =
        failed?.state === wanted
          ? Math.min(failed.pause * 2, longestPauseMs)
          : Math.min(intervalMs ?? longestPauseMs, longestPauseMs)
      failed = { state: wanted, pause, retryAt: performance.now() + pause }
      problem = messageOf(error)
      if (!closed) options.onFailure?.(error)
    }
  }

  function lookLater(interval: number): void {
    timer = setTimeout(async () => {
      await take(false)
      if (!closed) lookLater(interval)
    }, interval).unref()
  }

  if (intervalMs !== null) lookLater(intervalMs)
  return {
    reload: () => take(true),
    look: () => take(false),
    problem: () => problem,
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}

/** Whether something failed because this process, or the machine, has no file descriptor left. */
export function isOutOfDescriptors(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const code = codeOf(at)
    if (code === 'EMFILE' || code === 'ENFILE') return true
  }
  return false
}
