import type { Config } from '../config/load.ts'
import { GatewayError } from '../errors.ts'
import type { Reports } from '../metrics/reports.ts'
import type { Taken } from './command.ts'

export interface Poll {
  /** Takes the commands that wait now. */
  collect(): Taken
  /** Calls `onChange` when there may be more, until the returned function is called. */
  listen(onChange: () => void): () => void
  /** Milliseconds. */
  readonly waitMs: number
  readonly gone: AbortSignal
}

/** Requests that wait for a command (long polls). */
export interface Polls {
  /** Resolves once there is a command, or with none when `wait` is over. Rejects when too many requests wait already. */
  wait(device: string, poll: Poll): Promise<Taken>
  /** Answers all of them now; later requests do not wait. */
  endAll(): void
}

export function createPolls(
  settings: Config['commands'],
  { meter, warn }: Pick<Reports, 'meter' | 'warn'>,
): Polls {
  const { maxPolls, maxPollsPerDevice } = settings
  const waiting = new Set<() => void>()
  const byDevice = new Map<string, number>()
  let isEnded = false

  function count(device: string, change: 1 | -1): void {
    const now = (byDevice.get(device) ?? 0) + change
    if (now === 0) byDevice.delete(device)
    else byDevice.set(device, now)
  }

  function checkRoom(device: string): void {
    const own = byDevice.get(device) ?? 0
    if (own < maxPollsPerDevice && waiting.size < maxPolls) return
    meter.pollRefused()
    warn(`polls\0${device}`, { device }, 'the maximum number of requests wait for commands')
    throw own < maxPollsPerDevice
      ? tooMany(`${maxPolls} requests wait`, 'WOTT_MAX_POLLS')
      : tooMany(`${own} requests of ${device} wait`, 'WOTT_MAX_POLLS_PER_DEVICE')
  }

  function untilFound({ collect, listen, waitMs, gone }: Poll): Promise<Taken> {
    const { promise, resolve } = Promise.withResolvers<Taken>()
    const finish = () => resolve(collect())
    // the request is gone, so nothing may be taken for it
    const giveUp = () => resolve(NOTHING)
    const stop = listen(() => {
      const taken = collect()
      if (taken.commands.length > 0) resolve(taken)
    })
    const timer = setTimeout(finish, waitMs)
    waiting.add(finish)
    gone.addEventListener('abort', giveUp)
    if (gone.aborted) giveUp()
    return promise.finally(() => {
      stop()
      clearTimeout(timer)
      waiting.delete(finish)
      gone.removeEventListener('abort', giveUp)
    })
  }

  return {
    async wait(device, poll) {
      if (isEnded) return NOTHING
      checkRoom(device)
      count(device, 1)
      meter.pollOpened()
      try {
        return await untilFound(poll)
      } finally {
        count(device, -1)
        meter.pollClosed()
      }
    },
    endAll() {
      isEnded = true
      for (const finish of waiting) finish()
    },
  }
}

const NOTHING: Taken = { commands: [], hasMore: false }

function tooMany(problem: string, setting: string): GatewayError {
  return new GatewayError(
    'too_many_polls',
    `${problem} for commands, and no more are allowed (${setting}).`,
    { retryAfter: 10 },
  )
}
