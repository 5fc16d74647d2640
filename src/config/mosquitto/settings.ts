import type { SettingName } from '../schema.ts'
import { type Line, readLines } from './lines.ts'
import { type Listener, type Outcome, toDoors } from './listeners.ts'
import { BRIDGE_OPTIONS, type Option, optionOf } from './options.ts'

/** What a mosquitto.conf says, as settings. */
export interface MosquittoSettings {
  readonly settings: Readonly<Partial<Record<SettingName, Sourced>>>
  /** What has no effect here, or another one; `FILE:LINE option: sentence`. */
  readonly warnings: readonly string[]
  /** What cannot be honoured; with any of them the gateway does not start. */
  readonly problems: readonly string[]
}

export interface Sourced {
  readonly text: string
  /** `FILE:LINE option` */
  readonly from: string
}

const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const
const LOG_TYPES: Readonly<Record<string, (typeof LOG_LEVELS)[number]>> = {
  ...{ none: 'error', error: 'error', warning: 'warn', notice: 'info', information: 'info' },
  ...{ subscribe: 'info', unsubscribe: 'info', websockets: 'info', debug: 'debug', all: 'debug' },
  internal: 'debug',
}
/** Before the first `listener` line these make the default listener. */
const MAKES_LISTENER = new Set([
  ...['port', 'bind_address', 'cafile', 'certfile', 'keyfile', 'require_certificate'],
  ...['use_identity_as_username', 'use_subject_as_username', 'socket_domain'],
])
/** Hold for all listeners, unless `per_listener_settings true`. */
const PER_LISTENER = new Set(['acl_file'])

/** Reads a mosquitto.conf and what it includes, and says what becomes of each of its lines. */
export function readMosquittoConf(file: string): MosquittoSettings {
  const read = readLines(file)
  const settings: Partial<Record<SettingName, Sourced>> = {}
  const warnings: string[] = []
  const problems = [...read.problems]
  const outcome: Outcome = {
    set(setting, text, { at, name }) {
      const before = settings[setting]
      if (before && before.text !== text && ONE_FOR_ALL.has(setting))
        problems.push(
          `${at} ${name}: another value than ${before.from}, and the gateway has one for all doors; make them the same`,
        )
      settings[setting] = { text, from: `${at} ${name}` }
    },
    warn: (at, text) => void warnings.push(`${at} ${text}`),
    refuse: (at, text) => void problems.push(`${at} ${text}`),
  }

  const first: Listener = { at: file, lines: new Map() }
  const listeners: Listener[] = []
  const logTypes: Line[] = []
  let current = first
  let bridge: Line | undefined
  let persistence = false
  let location: Line | undefined

  for (const line of read.lines) {
    const { at, name, value } = line
    const say = (option: Option): void => {
      if (option.becomes === 'switch') {
        if (value === 'true') say(option.on)
        else if (value === 'false') say(option.off)
        else outcome.refuse(at, `${name} must be true or false, not "${value}"`)
      } else if (option.becomes === 'warning') outcome.warn(at, `${name}: ${option.note}`)
      else if (option.becomes === 'error') outcome.refuse(at, `${name}: ${option.note}`)
      else if (option.becomes === 'setting') {
        try {
          const text = option.read(value)
          if (text === null) {
            if (name !== 'persistence') outcome.warn(at, `${name}: ${option.note}`)
          } else outcome.set(option.setting, text, line)
        } catch (error) {
          outcome.refuse(at, `${name} ${(error as Error).message}, not "${value}"`)
        }
      }
    }
    if (name === 'connection') {
      bridge = line
      outcome.refuse(
        at,
        `connection ${value}: bridges are not built in; keep Mosquitto for this bridge, as a client of the gateway, and remove its lines here`,
      )
      continue
    }
    if (BRIDGE_OPTIONS.has(name)) {
      if (!bridge)
        outcome.refuse(
          at,
          `${name}: belongs to a bridge, and there is no connection line before it`,
        )
      continue
    }
    const option = optionOf(name)
    if (!option) {
      outcome.refuse(
        at,
        `there is no option ${JSON.stringify(name)} in Mosquitto 2.0; a space, and only a space, ends its name`,
      )
      continue
    }
    if (value === '') {
      outcome.refuse(at, `${name} has no value`)
      continue
    }
    if (name === 'persistence') persistence = value === 'true'
    if (option.becomes !== 'listener') {
      say(option)
      continue
    }
    if (name === 'log_type') logTypes.push(line)
    else if (name === 'persistence_location') location = line
    else if (name === 'listener') {
      current = { at, lines: new Map([[name, line]]) }
      listeners.push(current)
    } else {
      // `per_listener_settings` or not: there is one ACL file, so a line before the listeners is for all of them
      const scope = PER_LISTENER.has(name) ? first : current
      const before = scope.lines.get(name)
      if (before && FILES.has(name) && before.value !== value)
        outcome.refuse(
          at,
          `${name}: ${before.at} has named another file; one ${name} is for all doors`,
        )
      scope.lines.set(name, line)
    }
  }

  const acl = first.lines.get('acl_file')
  first.lines.delete('acl_file')
  const [made] = [...first.lines.values()].filter(makesListener)
  if (made) listeners.unshift({ at: made.at, lines: first.lines })
  toDoors(listeners, file, outcome)
  if (acl) outcome.set('aclFile', acl.value, acl)
  if (persistence && location) outcome.set('broker', `file:${location.value}`, location)
  readLogTypes(logTypes, outcome)
  return { settings, warnings, problems }
}

function makesListener({ name, value }: Line): boolean {
  return MAKES_LISTENER.has(name) || (name === 'max_connections' && Number(value) >= 0)
}

const ONE_FOR_ALL: ReadonlySet<SettingName> = new Set([
  ...(['caFile', 'certFile', 'keyFile', 'crlFile', 'aclFile', 'tlsVersion', 'ciphers'] as const),
  'maxConnections',
])
const FILES = new Set(['acl_file', 'cafile', 'certfile', 'keyfile', 'crlfile'])

function readLogTypes(lines: readonly Line[], outcome: Outcome): void {
  let least = -1
  for (const line of lines) {
    const level = LOG_TYPES[line.value]
    if (level === undefined)
      outcome.refuse(line.at, `log_type ${line.value}: there is no such type`)
    else if (LOG_LEVELS.indexOf(level) > least) {
      least = LOG_LEVELS.indexOf(level)
      outcome.set('logLevel', level, line)
    }
  }
}
