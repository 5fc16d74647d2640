import { spawn } from 'node:child_process'
import type { Logger } from 'pino'
import type { SettingName } from '../config/schema.ts'
import { flagName } from '../config/schema.ts'
import { ENROL_NAMES } from './enrol.ts'

/** The first delay before an ended process is started again: it doubles each time, up to the longest. */
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000

/** Runs `wott-gateway enrol` as a separate process, and restarts it whenever it ends, until `stop` is aborted. */
export function runEnroller(
  directory: string,
  flags: Readonly<Partial<Record<SettingName, string>>>,
  stop: AbortSignal,
  log: Logger,
): void {
  const settings = ENROL_NAMES.flatMap((name) =>
    flags[name] === undefined ? [] : [`--${flagName(name)}=${flags[name]}`],
  )
  const [program = ''] = process.argv.slice(1)
  const args = [...process.execArgv, program, 'enrol', directory, ...settings]
  let pause = FIRST_PAUSE_MS

  function start(): void {
    if (stop.aborted) return
    // the channel closes when this process ends, even if it is killed
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const end = () => child.kill()
    stop.addEventListener('abort', end)
    child.once('error', (error) =>
      log.error({ reason: error.message }, 'the enrol process cannot be started'),
    )
    child.once('exit', (code, signal) => {
      stop.removeEventListener('abort', end)
      if (stop.aborted) return
      log.error(
        { code, signal, seconds: pause / 1000 },
        'the enrol process has ended; restarting it',
      )
      setTimeout(start, pause).unref()
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS)
    })
  }
  start()
}
