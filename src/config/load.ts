import { messageOf, UsageError } from '../errors.ts'
import { bridgeProblems } from './bridge.ts'
import { brokerProblems, brokerWarnings } from './broker.ts'
import { withoutSecret } from './broker-url.ts'
import { doorProblems } from './doors.ts'
import { functionProblems } from './function.ts'
import { type MosquittoSettings, readMosquittoConf, type Sourced } from './mosquitto/settings.ts'
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
  /** Sentences for the log: options of a mosquitto.conf that do not apply, and settings without effect. */
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
  const sourceOf = createSources(environment, flags, file)
  const called = (name: SettingName) => sourceOf(name)?.from ?? environmentName(name)
  const { values, given, changed, wrong } = readTexts(sourceOf)
  const problems = [...file.problems, ...wrong]
  if (values.aclFile === undefined && !(flags.aclFile === '') && file.complete)
    problems.push(
      conf && !file.settings.aclFile
        ? `${conf} has no acl_file. Mosquitto then allows everything to every client; the gateway does not. Add an acl_file; the line "pattern readwrite #" in it allows everything to everybody`
        : `${called('aclFile')} is not set: name the Mosquitto acl_file that says who may publish and read what (an empty file denies everything)`,
    )
  const unused = brokerWarnings(values, changed, called)
  // a person who names no broker at all has probably forgotten it
  if (!given.has('broker')) problems.push(...unused)
  problems.push(...brokerProblems(values, changed, called))
  problems.push(...bridgeProblems(values, changed, called))
  if (place === 'function') problems.push(...functionProblems(values, called))
  else problems.push(...doorProblems(values, changed, called), ...proxyProblems(values, called))
  if (problems.length > 0)
    throw new UsageError(`wrong settings:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
  const groups = shapedBy(SCHEMA, values)
  // only if the broker is the one that the file names
  const isFromFile = flags.bridge === undefined && !environment[environmentName('bridge')]
  const password = isFromFile ? (file.bridgePassword ?? null) : null
  return {
    ...groups,
    bridge: { ...groups.bridge, password },
    warnings: [...file.warnings, ...unused],
  }
}

/** The text of a setting, and what gave it: a flag, a variable, or a line of a file. */
type SourceOf = (name: SettingName) => Sourced | undefined

function createSources(environment: Environment, flags: Flags, file: MosquittoSettings): SourceOf {
  return (name) => {
    const flag = flags[name]
    if (flag !== undefined) return { text: flag, from: `--${flagName(name)}` }
    const variable = environment[environmentName(name)]
    // an empty variable counts as unset, as `docker compose` and systemd may set one
    if (variable) return { text: variable, from: environmentName(name) }
    const line = file.settings[name]
    if (line?.text) return line
    const port = toldByPlatform(name, environment, flags)
    return port === undefined ? undefined : { text: port, from: 'PORT' }
  }
}

/** Reads the text of each setting, or its default; `wrong` says why a text cannot be read. */
function readTexts(sourceOf: SourceOf) {
  const values: Partial<Record<SettingName, unknown>> = {}
  const given = new Set<string>()
  const changed = new Set<string>()
  const wrong: string[] = []
  for (const name of SETTING_NAMES) {
    const { parse, fallback } = SETTINGS[name]
    const source = sourceOf(name)
    if (source) given.add(name)
    // a variable that repeats the default, as in .env.example, changes nothing
    if (source && source.text !== fallback) changed.add(name)
    const text = source?.text ?? fallback
    if (text === undefined) continue
    try {
      values[name] = parse(text)
    } catch (error) {
      const from = source?.from ?? environmentName(name)
      wrong.push(`${from} ${messageOf(error)}, not ${JSON.stringify(withoutSecret(text))}`)
    }
  }
  return { values, given, changed, wrong }
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
