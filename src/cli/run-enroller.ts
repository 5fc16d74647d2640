import { type ChildProcess, spawn } from 'node:child_process'
import type { Logger } from 'pino'
import type { SettingName } from '../config/schema.ts'
import { flagName } from '../config/schema.ts'
import { ENROL_NAMES } from './enrol.ts'

/** The first delay before an ended process is started again: it doubles each time, up to the longest. */
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000

/**
 * Runs `wott-gateway enrol` as a separate process, and restarts it whenever it ends, until `stop` is aborted. Resolves once it
 * has ended then.
 */
export function runEnroller(
  directory: string,
  flags: Readonly<Partial<Record<SettingName, string>>>,
  stop: AbortSignal,
  log: Logger,
): Promise<void> {
  const settings = ENROL_NAMES.flatMap((name) =>
    flags[name] === undefined ? [] : [`--${flagName(name)}=${flags[name]}`],
  )
  const [program = ''] = process.argv.slice(1)
  const args = [...process.execArgv, program, 'enrol', directory, ...settings]
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  let child: ChildProcess | undefined
  let pause = FIRST_PAUSE_MS

  function start(): void {
    if (stop.aborted) return
    child = spawn(process.execPath, args, {
      // the channel closes when this process ends, even if it is killed
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // a process group of its own: Ctrl-C would be its first signal, and that of this process its second, which ends it at once
      detached: true,
    })
    child.once('error', ({ message }) => {
      log.error({ reason: message }, 'the enrol process cannot be started')
      over()
    })
    child.once('exit', (code, signal) => {
      over()
      if (stop.aborted) return
      log.error(
        { code, signal, seconds: pause / 1000 },
        'the enrol process has ended; restarting it',
      )
      setTimeout(start, pause).unref()
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS)
    })
  }
  function over(): void {
    child = undefined
    if (stop.aborted) resolve()
  }
  const end = () => (child ? child.kill() : resolve())
  start()
  if (stop.aborted) end()
  else stop.addEventListener('abort', end, { once: true })
  return ended
}
