import type { Logger } from 'pino'
import { startThread } from '../broker/store/store-thread.ts'
import { type Config, loadConfig } from '../config/load.ts'
import type { Gateway } from '../gateway.ts'
import { readArguments, requireNoWords } from './arguments.ts'
import type { CliCommand } from './command.ts'
import { keepHeapSmall } from './heap.ts'
import { helpText } from './help.ts'
import { runService } from './service.ts'
import { flagForFile, SETTING_FLAGS, settingsHelp, settingsIn } from './settings.ts'
import { stopSignal } from './signals.ts'

const HELP = helpText({
  usage: ['serve [SETTINGS]'],
  about: [
    'Runs the gateway until SIGTERM or SIGINT; a second signal stops it at once. The ACL, topics and certificate files are read again when they change, and on SIGHUP.',
    'Every setting is a flag and an environment variable; flags override variables. --mosquitto-conf reads an existing mosquitto.conf; options that are not supported are reported with their line numbers.',
  ],
  examples: [
    'wott-gateway serve --acl-file permission.acl',
    'WOTT_ACL_FILE=permission.acl WOTT_VIEWER_LISTEN=off wott-gateway serve',
    'wott-gateway serve --mosquitto-conf /etc/mosquitto/mosquitto.conf',
  ],
})

export const serve = createServe()

/** The command; `opened` is called once every door listens. */
export function createServe(opened?: () => void): CliCommand {
  return {
    get help() {
      return `${HELP}\n\n${settingsHelp()}`
    },
    outlivesReader: true,
    async run(args) {
      const stop = stopSignal()
      const { values, words } = readArguments(args, SETTING_FLAGS)
      requireNoWords(words, flagForFile(words[0]))
      await runGateway(loadConfig(process.env, settingsIn(values)), stop, opened)
      return undefined
    },
  }
}

/**
 * Runs a gateway until `stop` is aborted. `opened` is called once every door listens; what it then runs beside the gateway has
 * stopped when `ended` resolves.
 */
export async function runGateway(
  config: Config,
  stop: AbortSignal,
  opened: (
    gateway: Gateway,
    log: Logger,
  ) => void | Promise<{ readonly ended: Promise<void> }> = () => {},
): Promise<void> {
  // both take long, and go on while the next steps run
  const thread = startThread(config.broker)
  const loading = import('../gateway.ts')
  // a failure is reported where it is awaited
  loading.catch(() => {})
  try {
    await runService(config, stop, async (log) => {
      const { openGateway } = await loading
      const gateway = await openGateway(config, log, thread)
      // not before: with other flags than its own, Node compiles each of its modules that is loaded, also in threads
      keepHeapSmall()
      try {
        const beside = stop.aborted ? undefined : await opened(gateway, log)
        return {
          reload: () => gateway.reload(),
          drain: async () => void (await Promise.all([gateway.drain(), beside?.ended])),
        }
      } catch (error) {
        await gateway[Symbol.asyncDispose]()
        throw error
      }
    })
  } finally {
    // it may have no store to close
    await thread?.worker.terminate()
  }
}
