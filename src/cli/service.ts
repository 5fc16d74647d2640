import { setImmediate } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Config } from '../config/load.ts'
import { suspectVariables } from './settings.ts'
import { stopped } from './signals.ts'

/** A process that runs until a signal ends it. */
export interface Service {
  /** Reads the files that it follows again. */
  reload(): Promise<void>
  /** Accepts nothing new, finishes requests in flight within `drainSeconds`, and closes. */
  drain(): Promise<void>
}

/** Runs the service that `open` opens until `stop` is aborted. */
export async function runService(
  config: Config,
  stop: AbortSignal,
  open: (log: Logger) => Promise<Service>,
): Promise<void> {
  let service: Service | undefined
  // without a listener, an early SIGHUP would end the process
  process.on('SIGHUP', () => void service?.reload())
  // imported here, so that help and errors in settings do not wait for it
  const { createLogger } = await import('../log/logger.ts')
  const log = await createLogger(config.process.logLevel)
  for (const { variable, meant } of suspectVariables(process.env))
    log.warn({ variable, meant }, 'unknown environment variable; is it misspelt?')
  for (const warning of config.warnings) log.warn(warning)
  await setImmediate() // for a signal that came meanwhile to be heard
  if (stop.aborted) return
  service = await unlessStuck(open(log), stop)
  await stopped(stop)
  log.info({ signal: stop.reason, seconds: config.process.drainMs / 1000 }, 'stopping')
  const bound = setTimeout(() => {
    log.error('shutdown takes too long (does the disk hang?); the process ends now')
    // process.exit would wait for the thread that waits for the disk
    process.kill(process.pid, stop.reason)
  }, config.process.drainMs + CLOSING_MS)
  await service.drain()
  clearTimeout(bound)
  log.info('stopped')
  setTimeout(() => {
    log.error(
      { kept: process.getActiveResourcesInfo() },
      'the process did not end by itself; it ends now',
    )
    process.exit()
  }, LINGERING_MS).unref()
}

const STUCK_MS = 2000
/** The longest time for closing after the drain: supervisors kill after 15 seconds, 10 of which the drain may take. */
const CLOSING_MS = 700
/** The time for the process to end by itself: nothing is open any more. */
const LINGERING_MS = 250

/**
 * The result of `opening`, which can then be drained. If the start hangs, for example on a network disk, the signal ends the
 * process.
 */
async function unlessStuck<T>(opening: Promise<T>, stop: AbortSignal): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const giveUp = () => {
    // process.exit would wait for the thread that waits for the disk
    timer = setTimeout(() => process.kill(process.pid, stop.reason), STUCK_MS)
  }
  stop.addEventListener('abort', giveUp)
  try {
    return await opening
  } finally {
    stop.removeEventListener('abort', giveUp)
    clearTimeout(timer)
  }
}
