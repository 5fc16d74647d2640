import { type Config, loadConfig, unknownVariables } from '../config/load.ts'
import { UsageError } from '../errors.ts'
import { type Gateway, openGateway } from '../gateway.ts'
import { createLog } from '../log.ts'
import { type Command, readArguments, requireWords } from './command.ts'
import { SETTING_OPTIONS, SETTINGS_HELP, settingsIn } from './settings.ts'

export const serve: Command = {
  help: `Usage: wott-gateway serve [SETTINGS]

Runs the gateway until SIGTERM or SIGINT. SIGHUP reads the ACL and certificate files again.

Settings (flags win over environment variables):
${SETTINGS_HELP}`,
  async run(args) {
    const { values, positionals } = readArguments(args, SETTING_OPTIONS)
    requireWords(positionals, 0, 0, 'wott-gateway serve [SETTINGS]')
    await runGateway(loadConfig(process.env, settingsIn(values)))
    return undefined
  },
}

/** Runs a gateway until a signal ends it; `opened` is called once every door listens. */
export async function runGateway(
  config: Config,
  opened: (gateway: Gateway) => void = () => {},
): Promise<void> {
  const log = await createLog(config.logLevel)
  for (const name of unknownVariables(process.env))
    log.warn({ variable: name }, 'this environment variable is none of ours; is it misspelt?')
  if (Object.values(doorSettings(config)).every((address) => address === null))
    throw new UsageError('every door is off, so there is nothing to run')
  // heard from the start: a signal that comes while doors open is not lost
  const stop = stopSignal()
  const gateway = await openGateway(config, log)
  const reload = () => void gateway.reload()
  process.on('SIGHUP', reload)
  opened(gateway)
  log.info({ signal: await stop, seconds: config.drainSeconds }, 'stopping')
  await gateway.drain()
  process.off('SIGHUP', reload)
  log.info('stopped')
}

function doorSettings({ deviceListen, mqttListen, viewerListen }: Config) {
  return { deviceListen, mqttListen, viewerListen }
}

/** The first SIGTERM or SIGINT; a second one ends the process at once, as it does without us. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const heard = (signal: NodeJS.Signals) => {
      process.off('SIGTERM', heard)
      process.off('SIGINT', heard)
      resolve(signal)
    }
    process.on('SIGTERM', heard)
    process.on('SIGINT', heard)
  })
}
