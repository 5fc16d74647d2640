import { DEFAULT_CIPHERS } from 'node:tls'
import { SETTINGS, type SettingName } from '../schema.ts'
import type { ConfLine } from './lines.ts'

/** A listener of mosquitto.conf: its lines, by option name. */
export interface MosquittoListener {
  /** Where it begins. */
  readonly at: string
  readonly lines: Map<string, ConfLine>
}

/** Takes the settings of a mosquitto.conf, with warnings and errors at `FILE:LINE`. */
export interface SettingsSink {
  set(setting: SettingName, text: string, line: Pick<ConfLine, 'at' | 'name'>): void
  warn(at: string, text: string): void
  refuse(at: string, text: string): void
}

/** Options for which all doors share one setting, so that all listeners must agree on them. */
const SHARED: readonly [option: string, setting: SettingName][] = [
  ['cafile', 'caFile'],
  ['capath', 'caFile'],
  ['certfile', 'certFile'],
  ['keyfile', 'keyFile'],
  ['crlfile', 'crlFile'],
  ['acl_file', 'aclFile'],
]
const NEEDED = ['cafile', 'certfile', 'keyfile'] as const

/** Turns the listeners of the file into doors: one for MQTT, one for MQTT over WebSocket. */
export function toDoors(
  listeners: readonly MosquittoListener[],
  file: string,
  outcome: SettingsSink,
): void {
  const taken = new Map<string, MosquittoListener>()
  for (const listener of listeners) {
    const kind = listener.lines.get('protocol')?.value ?? 'mqtt'
    const folder = listener.lines.get('capath')
    const missing = NEEDED.filter(
      (name) => !listener.lines.has(name) && !(name === 'cafile' && folder),
    )
    if (missing.length > 0) {
      outcome.refuse(
        listener.at,
        `this listener has no ${missing.join(', ')}: every door needs TLS with client certificates. Add these options below it, in the same file, or remove the listener`,
      )
      continue
    }
    const other = taken.get(kind)
    if (other) {
      outcome.refuse(
        listener.at,
        `there is only one ${kind} door, and the listener at ${other.at} uses it; remove one listener, or run a second gateway`,
      )
      continue
    }
    taken.set(kind, listener)
    if (kind === 'websockets')
      outcome.warn(
        listener.at,
        'MQTT over WebSocket is at the paths / and /mqtt; other paths of this port are HTTPS',
      )
    if (folder && listener.lines.has('cafile'))
      outcome.refuse(
        folder.at,
        'capath: use either capath or cafile, not both: put the file into the folder (and run "openssl rehash"), or all certificates into the file',
      )
    listens(listener, kind === 'mqtt' ? 'mqttListen' : 'deviceListen', outcome)
    identity(listener, outcome)
    tls(listener, outcome)
    const most = listener.lines.get('max_connections')
    if (most && Number(most.value) > 0) outcome.set('maxConnections', most.value, most)
    const aliases = listener.lines.get('max_topic_alias')
    if (aliases) outcome.set('topicAliasMaximum', aliases.value, aliases)
  }
  if (listeners.length === 0)
    outcome.refuse(
      `${file}:`,
      'there is no listener; write "listener 8883" with cafile, certfile and keyfile',
    )
  if (taken.size > 0 && !taken.has('mqtt')) {
    const { at } = taken.get('websockets') as MosquittoListener
    outcome.set('mqttListen', 'off', { at, name: 'listener' })
  }
}

/** The value of a port that could not be read. */
export const UNREADABLE = ''

function listens({ at, lines }: MosquittoListener, door: SettingName, outcome: SettingsSink): void {
  const port = lines.get('listener') ?? lines.get('port')
  if (port?.value === UNREADABLE) return
  const [number = '1883', address] = port?.value.split(' ') ?? []
  const host = address ?? lines.get('bind_address')?.value
  if (number === '0')
    return void outcome.refuse(
      at,
      'Unix sockets are not supported, because they do not use TLS; use a port',
    )
  const domain = lines.get('socket_domain')
  if (domain?.value === 'ipv6' && host === undefined)
    outcome.warn(domain.at, 'a door that listens on every IPv6 address also accepts IPv4')
  const every = domain?.value === 'ipv4' ? '0.0.0.0' : '[::]'
  const shown = host === undefined ? every : host.includes(':') ? `[${host}]` : host
  const text = `${shown}:${number}`
  try {
    SETTINGS[door].parse(text)
  } catch {
    const from = address ? port : lines.get('bind_address')
    return void outcome.refuse(from?.at ?? at, `"${host}" is neither a host name nor an IP address`)
  }
  outcome.set(door, text, port ?? { at, name: 'listener' })
}

function identity({ at, lines }: MosquittoListener, outcome: SettingsSink): void {
  const says = (name: string) => lines.get(name)?.value === 'true'
  const where = (name: string) => lines.get(name)?.at ?? at
  if (!says('require_certificate'))
    outcome.warn(
      where('require_certificate'),
      'every client must show a certificate, as with "require_certificate true"',
    )
  if (says('use_subject_as_username'))
    outcome.refuse(
      where('use_subject_as_username'),
      'the user is the CN, not the whole subject: write "use_identity_as_username true" instead, and use CNs in the ACL file',
    )
  else if (!says('use_identity_as_username'))
    outcome.refuse(
      where('use_identity_as_username'),
      'the user is always the CN of the certificate, never the name that a client sends: write "use_identity_as_username true", and use CNs in the ACL file',
    )
}

const TLS_VERSIONS: Readonly<Record<string, string>> = {
  'tlsv1.3': '1.3',
  'tlsv1.2': '1.2',
  'tlsv1.1': '1.2',
}

const TLS12_CIPHERS = DEFAULT_CIPHERS.split(':')
  .filter((name) => !name.startsWith('TLS_'))
  .join(':')

function tls({ lines }: MosquittoListener, outcome: SettingsSink): void {
  for (const [option, setting] of SHARED) {
    const line = lines.get(option)
    if (line) outcome.set(setting, line.value, line)
  }
  const version = lines.get('tls_version')
  if (version) {
    const text = TLS_VERSIONS[version.value]
    if (text === undefined) outcome.refuse(version.at, 'tls_version must be tlsv1.2 or tlsv1.3')
    else outcome.set('tlsVersion', text, version)
    if (version.value === 'tlsv1.1') outcome.warn(version.at, 'the lowest version is TLS 1.2')
  }
  const [newer, older] = [lines.get('ciphers_tls1.3'), lines.get('ciphers')]
  // a list without TLS 1.2 suites would disable TLS 1.2, which Mosquitto does not do
  if (newer) outcome.set('ciphers', `${newer.value}:${older?.value ?? TLS12_CIPHERS}`, newer)
  else if (older) outcome.set('ciphers', older.value, older)
}
