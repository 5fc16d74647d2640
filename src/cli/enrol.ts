import { layoutOf } from '../ca/layout.ts'
import { type Config, loadConfig } from '../config/load.ts'
import { environmentName, type SettingName } from '../config/schema.ts'
import { readArguments, requireWords } from './arguments.ts'
import type { CliCommand } from './command.ts'
import { inDirectory, USUAL_DIRECTORY } from './directory.ts'
import { helpText } from './help.ts'
import { runService } from './service.ts'
import { settingFlags, settingsHelp, settingsIn } from './settings.ts'
import { stopSignal } from './signals.ts'

/** The settings of the enrol door; the gateway's other settings may be meant for another user or another machine. */
export const ENROL_NAMES: readonly SettingName[] = [
  ...(['enrolListen', 'enrolOpsListen', 'enrolDays', 'enrolApproval', 'opsHosts'] as const),
  ...(['tlsVersion', 'ciphers', 'inviteGuesses', 'strangerRequestRate'] as const),
  ...([
    'memoryBytesPerDevice',
    'maxConnections',
    'maxStrangers',
    'maxStrangersPerAddress',
  ] as const),
  ...(['handshakeRate', 'handshakeRatePerAddress', 'requestTimeout', 'requestRate'] as const),
  ...(['maxRequestsPerConnection', 'drainSeconds', 'logLevel'] as const),
  ...(['proxyProtocol', 'proxyProtocolFrom', 'proxyProtocolDoors'] as const),
]

const HELP = helpText({
  usage: ['enrol [DIR] [SETTINGS]'],
  about: [
    'Issues certificates over the network to devices that have an invite ("wott-gateway device invite NAME"), that an operator approves ("wott-gateway device approve"), or that renew their certificate. Supports EST (RFC 7030) and the API of the WoTT agent.',
    `Signs with the CA key in DIR/ca (default DIR: ${USUAL_DIRECTORY}). Only this process needs that key; the gateway itself is "wott-gateway serve". Runs until SIGTERM or SIGINT; a second signal stops it at once.`,
    'Every setting is a flag and an environment variable; flags override variables.',
  ],
  words: [['DIR', `directory made by "wott-gateway init" [${USUAL_DIRECTORY}]`]],
  examples: [
    'wott-gateway enrol',
    'wott-gateway enrol /var/lib/wott --enrol-listen :8444',
    'WOTT_ENROL_APPROVAL=off wott-gateway enrol .wott',
  ],
})

export const enrol: CliCommand = {
  get help() {
    return `${HELP}\n\n${settingsHelp(ENROL_NAMES)}`
  },
  outlivesReader: true,
  async run(args) {
    const stop = stopSignal()
    endWithParent()
    const { values, words } = readArguments(args, settingFlags(ENROL_NAMES))
    requireWords(words, [], ['DIR'])
    const [directory = USUAL_DIRECTORY] = words
    const config = enrolConfig(directory, process.env, settingsIn(values))
    await runService(config, stop, async (log) => {
      const { openEnroller } = await import('../enroller.ts')
      return inDirectory(directory, () => openEnroller(directory, config, log))
    })
    return undefined
  },
}

function enrolConfig(
  directory: string,
  environment: NodeJS.ProcessEnv,
  flags: Readonly<Partial<Record<SettingName, string>>>,
): Config {
  const { certs, acl } = layoutOf(directory)
  const names = ENROL_NAMES.map(environmentName)
  const own = Object.fromEntries(names.map((name) => [name, environment[name]]))
  return loadConfig(own, { certsDir: certs.directory, aclFile: acl, ...flags })
}

/** If `dev` is killed, its channel to this process ends, and so does this process. */
function endWithParent(): void {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
  process.channel?.unref()
}
