import { environmentName, SETTINGS, type SettingName } from '../schema.ts'
import { withAclPlugin } from './acl-plugin.ts'
import { createBridgeLines, isOfBridge } from './bridge.ts'
import { BRIDGE_OPTIONS } from './bridge-options.ts'
import { formOf, HAS_NO_VALUE, isNamedOnce, MAY_BE_EMPTY } from './forms.ts'
import { type ConfLine, readLines } from './lines.ts'
import { type SettingsSink, toDoors, UNREADABLE } from './listeners.ts'
import { type Option, optionOf, PERSISTENCE } from './options.ts'
import { createScopes, namedTwice, opensDefault } from './scopes.ts'

/** The content of a mosquitto.conf, as settings. */
export interface MosquittoSettings {
  readonly settings: Readonly<Partial<Record<SettingName, Sourced>>>
  /** Lines that have no effect here, or a different one; `FILE:LINE option: sentence`. */
  readonly warnings: readonly string[]
  /** Lines that cannot be supported; with any of them the gateway does not start. */
  readonly problems: readonly string[]
  /** The password of its bridge; it must not get into a log. */
  readonly bridgePassword?: string
  /** Whether every file could be read: a missing line may be in an unreadable one. */
  readonly complete: boolean
}

/** A value, and the line that it is from. */
export interface Sourced {
  readonly text: string
  /** `FILE:LINE option` */
  readonly from: string
}

const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const
const LOG_TYPES: Readonly<Record<string, (typeof LOG_LEVELS)[number]>> = {
  none: 'error',
  error: 'error',
  warning: 'warn',
  notice: 'info',
  information: 'info',
  subscribe: 'info',
  unsubscribe: 'info',
  websockets: 'info',
  debug: 'debug',
  all: 'debug',
  internal: 'debug',
}
/** Reads a mosquitto.conf with its includes, and reports what becomes of each line. */
export function readMosquittoConf(file: string): MosquittoSettings {
  const read = readLines(file)
  const settings: Partial<Record<SettingName, Sourced>> = {}
  const warnings: string[] = []
  const problems = [...read.problems]
  const outcome: SettingsSink = {
    set(setting, wanted, { at, name }) {
      const text = withinBounds(setting, wanted)
      if (text !== wanted) {
        const bound = text === SETTINGS[setting].parse.most ? 'largest value' : 'smallest value'
        outcome.warn(
          at,
          `${name}: the ${bound} allowed for ${environmentName(setting)} is ${text}, which is used instead`,
        )
      }
      const before = settings[setting]
      if (before && before.text !== text && ONE_FOR_ALL.has(setting))
        problems.push(
          `${at} ${name}: differs from ${before.from}, but all doors of the gateway share one value; make them equal`,
        )
      settings[setting] = { text, from: `${at} ${name}` }
    },
    warn: (at, text) => void warnings.push(`${at} ${text}`),
    refuse: (at, text) => void problems.push(`${at} ${text}`),
  }

  const scopes = createScopes(outcome)
  const logTypes: ConfLine[] = []
  const bridge = createBridgeLines(outcome)
  let persistence = false
  const sizes = new Map<string, { text: string; line: ConfLine }>()
  const named = new Map<string, ConfLine>()

  function say(option: Option, line: ConfLine): void {
    const { at, name, value } = line
    if (option.becomes === 'switch') say(value === 'true' ? option.on : option.off, line)
    else if (option.becomes === 'warning') outcome.warn(at, `${name}: ${option.note}`)
    else if (option.becomes === 'error') outcome.refuse(at, `${name}: ${option.note}`)
    else if (option.becomes === 'setting') {
      const text = option.read(value)
      if (text === null) {
        if (option !== PERSISTENCE) outcome.warn(at, `${name}: ${option.note}`)
      } else if (option.setting === 'maxPayload') sizes.set(name, { text, line })
      else outcome.set(option.setting, text, line)
    }
  }

  function readBridgeLine(raw: ConfLine): void {
    const { at, name, file } = raw
    if (!bridge.isIn(file)) {
      outcome.refuse(at, `${name}: belongs to a bridge, but there is no connection line before it`)
      return
    }
    const line = readValue(raw, outcome)
    if (line === null || !bridge.add(line)) return
    say(BRIDGE_OPTIONS[name] as Option, line)
  }

  for (const raw of withAclPlugin(read.lines)) {
    const { at, name } = raw
    if (name === 'connection') {
      const line = readValue(raw, outcome)
      if (line) bridge.begin(line)
      continue
    }
    if (isOfBridge(name)) {
      readBridgeLine(raw)
      continue
    }
    const option = optionOf(name)
    if (!option) {
      outcome.refuse(
        at,
        `Mosquitto 2.0 has no option ${JSON.stringify(name)} (exactly a space must follow the name of an option)`,
      )
      continue
    }
    const line = readValue(raw, outcome)
    if (line === null) {
      // so that the lines below it are still assigned to it
      if (name === 'listener' || name === 'port') scopes.add({ ...raw, value: UNREADABLE })
      continue
    }
    if (option === PERSISTENCE) persistence = line.value === 'true'
    if (option.becomes !== 'listener') say(option, line)
    if (name === 'log_type') logTypes.push(line)
    else if (isOfListener(option, line)) scopes.add(line)
    else {
      const before = named.get(name)
      if (before && isNamedOnce(name)) outcome.refuse(at, namedTwice(name, before))
      named.set(name, line)
    }
  }

  const complete = read.problems.length === 0
  const { listeners, acl } = scopes.end()
  const location = named.get('persistence_location')
  if (complete || listeners.length > 0) toDoors(listeners, file, outcome)
  if (acl) outcome.set('aclFile', acl.value, acl)
  if (location && persistence) outcome.set('broker', `file:${location.value}`, location)
  else if (location)
    outcome.warn(
      location.at,
      'persistence_location: has no effect without "persistence true", in Mosquitto and here; WOTT_BROKER says where messages are kept',
    )
  // Mosquitto applies both message_size_limit and max_packet_size, so the smaller one limits payloads
  const [smallest] = [...sizes.values()].sort((a, b) => Number(a.text) - Number(b.text))
  if (smallest) outcome.set('maxPayload', smallest.text, smallest.line)
  readLogTypes(logTypes, outcome)
  const bridgePassword = bridge.end()
  return {
    settings,
    warnings,
    problems,
    complete,
    ...(bridgePassword === undefined ? {} : { bridgePassword }),
  }
}

function isOfListener(option: Option, line: ConfLine): boolean {
  if (option.becomes !== 'listener') return opensDefault(line)
  return line.name !== 'persistence_location'
}

/** The line with its value in normal form; null if the value is wrong, which is reported to `outcome`. */
function readValue(line: ConfLine, outcome: SettingsSink): ConfLine | null {
  const { at, name, value } = line
  try {
    return { ...line, value: formOf(name)(value) }
  } catch (error) {
    const { message } = error as Error
    if (message === HAS_NO_VALUE && MAY_BE_EMPTY.has(name))
      outcome.warn(at, `${name} ${HAS_NO_VALUE}; Mosquitto ignores it too`)
    else outcome.refuse(at, `${name} ${message}`)
    return null
  }
}

/** Replaces a number outside the setting's limits by the nearest allowed one. */
function withinBounds(setting: SettingName, text: string): string {
  const { parse } = SETTINGS[setting]
  if (parse.most !== undefined && Number(text) > Number(parse(parse.most))) return parse.most
  if (parse.least !== undefined && Number(text) < Number(parse(parse.least))) return parse.least
  return text
}

const ONE_FOR_ALL: ReadonlySet<SettingName> = new Set([
  ...(['caFile', 'certFile', 'keyFile', 'crlFile', 'aclFile', 'tlsVersion', 'ciphers'] as const),
  'maxConnections',
])

function readLogTypes(lines: readonly ConfLine[], outcome: SettingsSink): void {
  let least = -1
  for (const line of lines) {
    const level = LOG_TYPES[line.value]
    if (level === undefined) outcome.refuse(line.at, `log_type ${line.value}: unknown type`)
    else if (LOG_LEVELS.indexOf(level) > least) {
      least = LOG_LEVELS.indexOf(level)
      outcome.set('logLevel', level, line)
    }
  }
}
