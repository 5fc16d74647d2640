import { setImmediate } from 'node:timers/promises'
import { type Config, loadConfig } from '../config/load.ts'
import type { Gateway } from '../gateway.ts'
import { readArguments, requireNoWords } from './arguments.ts'
import type { Command } from './command.ts'
import { helpText } from './help.ts'
import {
  flagForFile,
  SETTING_FLAGS,
  settingsHelp,
  settingsIn,
  suspectVariables,
} from './settings.ts'
import { stopped, stopSignal } from './signals.ts'

const HELP = helpText({
  usage: ['serve [SETTINGS]'],
  about: [
    'Runs the gateway until SIGTERM or SIGINT; a second one ends it at once. SIGHUP reads the ACL and certificate files again, and so does a change on disk.',
    "Every setting is a flag and an environment variable; flags win. --mosquitto-conf takes an existing Mosquitto's file; what it says that cannot be is named by its line.",
  ],
  examples: [
    'wott-gateway serve --acl-file permission.acl',
    'WOTT_ACL_FILE=permission.acl WOTT_VIEWER_LISTEN=off wott-gateway serve',
    'wott-gateway serve --mosquitto-conf /etc/mosquitto/mosquitto.conf',
    'wott-gateway serve --certs-dir .wott/certs --acl-file .wott/permission.acl',
  ],
})

export const serve: Command = {
  help: `${HELP}\n\nSettings:\n${settingsHelp()}`,
  outlivesReader: true,
  async run(args) {
    const stop = stopSignal()
    const { values, words } = readArguments(args, SETTING_FLAGS)
    requireNoWords(words, flagForFile(words[0]))
    await runGateway(loadConfig(process.env, settingsIn(values)), stop)
    return undefined
  },
}

/** Runs a gateway until `stop` is aborted; `opened` is called once every door listens. */
export async function runGateway(
  config: Config,
  stop: AbortSignal,
  opened: (gateway: Gateway) => void = () => {},
): Promise<void> {
  let gateway: Gateway | undefined
  // without a listener a SIGHUP that comes too early would end the process
  process.on('SIGHUP', () => void gateway?.reload())
  // here, and not above, so that help and wrong settings need not wait for them
  const [{ openGateway }, { createLog }] = await Promise.all([
    import('../gateway.ts'),
    import('../log.ts'),
  ])
  const log = await createLog(config.logLevel)
  for (const { variable, meant } of suspectVariables(process.env))
    log.warn({ variable, meant }, 'this environment variable is none of ours; is it misspelt?')
  for (const warning of config.warnings) log.warn(warning)
  await setImmediate() // for a signal that came meanwhile to be heard
  if (stop.aborted) return
  gateway = await unlessStuck(openGateway(config, log), stop)
  if (!stop.aborted) opened(gateway)
  await stopped(stop)
  log.info({ signal: stop.reason, seconds: config.drainSeconds }, 'stopping')
  const bound = setTimeout(
    () => {
      log.error(
        'what is in flight does not end, on a disk that hangs for example; ending without it',
      )
      // process.exit would wait for the thread that waits for the disk
      process.kill(process.pid, stop.reason)
    },
    config.drainSeconds * 1000 + CLOSING_MS,
  )
  await gateway.drain()
  clearTimeout(bound)
  log.info('stopped')
  setTimeout(() => {
    log.error({ kept: process.getActiveResourcesInfo() }, 'the process does not end by itself')
    process.exit()
  }, LINGERING_MS).unref()
}

const STUCK_MS = 2000
/** What closing may take once the time to drain is over; supervisors kill at 15 seconds, and 10 of those are for draining. */
const CLOSING_MS = 700
/** Nothing is open any more, so nothing has to be waited for. */
const LINGERING_MS = 250

/** `opening`, whose gateway can then be drained; a start that hangs, on a network disk say, is ended by the signal. */
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
