import { messageOf, UsageError } from '../errors.ts'
import { bridgeProblems } from './bridge.ts'
import { brokerProblems, brokerWarnings } from './broker.ts'
import { withoutSecret } from './broker-url.ts'
import { doorProblems } from './doors.ts'
import { functionProblems } from './function.ts'
import { type MosquittoSettings, readMosquittoConf } from './mosquitto/settings.ts'
import { proxyProblems } from './proxy.ts'
import {
  environmentName,
  flagName,
  SCHEMA,
  SETTING_NAMES,
  SETTINGS,
  type SettingName,
  shapedBy,
} from './schema.ts'
import type { Shaped } from './setting.ts'

type Groups = Shaped<typeof SCHEMA>

/** The configuration of `serve` and `enrol`: the value of every setting, in the groups of the schema. */
export interface Config extends Omit<Groups, 'bridge'> {
  readonly bridge: Groups['bridge'] & {
    /** The password for the other broker from a mosquitto.conf; it must not get into a log. */
    readonly password: string | null
  }
  /** What a mosquitto.conf asks for but does not get, one sentence each. */
  readonly warnings: readonly string[]
}

type Environment = Readonly<Record<string, string | undefined>>
type Flags = Readonly<Partial<Record<SettingName, string>>>

const NO_FILE: MosquittoSettings = { settings: {}, warnings: [], problems: [], complete: true }

/**
 * Flags (by setting name) win over the environment, which wins over a mosquitto.conf. Throws one UsageError with every problem.
 */
export function loadConfig(
  environment: Environment,
  flags: Flags = {},
  place: 'process' | 'function' = 'process',
): Config {
  const conf = flags.mosquittoConf ?? environment[environmentName('mosquittoConf')]
  const file = conf ? readMosquittoConf(conf) : NO_FILE
  const problems: string[] = [...file.problems]
  const values: Partial<Record<SettingName, unknown>> = {}
  const said = new Set<string>()
  const given = new Set<string>()
  const called = (name: SettingName) =>
    flags[name] !== undefined
      ? `--${flagName(name)}`
      : environment[environmentName(name)]
        ? environmentName(name)
        : (file.settings[name]?.from ??
          (toldByPlatform(name, environment, flags) ? 'PORT' : environmentName(name)))
  for (const name of SETTING_NAMES) {
    const { parse, fallback } = SETTINGS[name]
    // an empty variable counts as unset, as `docker compose` and systemd may set one
    const own =
      flags[name] ??
      (environment[environmentName(name)] ||
        file.settings[name]?.text ||
        toldByPlatform(name, environment, flags))
    if (own !== undefined) given.add(name)
    // a variable that repeats the default, as in .env.example, changes nothing and does not count
    if (own !== undefined && own !== fallback) said.add(name)
    const text = own ?? fallback
    if (text === undefined) continue
    try {
      values[name] = parse(text)
    } catch (error) {
      problems.push(
        `${called(name)} ${messageOf(error)}, not ${JSON.stringify(withoutSecret(text))}`,
      )
    }
  }
  if (values.aclFile === undefined && !(flags.aclFile === '') && file.complete)
    problems.push(
      conf && !file.settings.aclFile
        ? `${conf} has no acl_file. Mosquitto then allows everything to every client; the gateway does not. Add an acl_file; the line "pattern readwrite #" in it allows everything to everybody`
        : `${called('aclFile')} is not set: name the Mosquitto acl_file that says who may publish and read what (an empty file denies everything)`,
    )
  const ofBroker = brokerWarnings(values, said, called)
  // a person who names no broker at all has probably forgotten it
  if (!given.has('broker')) problems.push(...ofBroker)
  problems.push(...brokerProblems(values, said, called), ...bridgeProblems(values, said, called))
  if (place === 'function') problems.push(...functionProblems(values, called))
  else problems.push(...doorProblems(values, said, called), ...proxyProblems(values, called))
  if (problems.length > 0)
    throw new UsageError(`wrong settings:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
  const groups = shapedBy(SCHEMA, values)
  // only if the broker is the one that the file names
  const isFromFile = flags.bridge === undefined && !environment[environmentName('bridge')]
  const password = isFromFile ? (file.bridgePassword ?? null) : null
  return {
    ...groups,
    bridge: { ...groups.bridge, password },
    warnings: [...file.warnings, ...ofBroker],
  }
}

/** Platforms that end TLS in a front end of their own set PORT to the port on which a container must listen. */
function toldByPlatform(name: SettingName, environment: Environment, flags: Flags) {
  const trust = flags.proxyTrust ?? environment[environmentName('proxyTrust')]
  if (name !== 'proxyListen' || trust !== 'platform' || !environment.PORT) return undefined
  return `:${environment.PORT}`
}

/** Unknown variables with our prefix, probably misspelt. Kubernetes sets `WOTT_GATEWAY_*` for a service of that name. */
export function unknownVariables(environment: Environment): string[] {
  const known = new Set(SETTING_NAMES.map(environmentName))
  return Object.keys(environment).filter(
    (name) => name.startsWith('WOTT_') && !name.startsWith('WOTT_GATEWAY_') && !known.has(name),
  )
}
