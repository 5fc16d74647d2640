import { hostname } from 'node:os'
import { type BridgeTopic, bridgeTopicsText, parseBridgeTopic } from '../bridge-topics.ts'
import { BRIDGE_OPTIONS } from './bridge-options.ts'
import type { ConfLine } from './lines.ts'
import type { SettingsSink } from './listeners.ts'
import { namedTwice } from './scopes.ts'

/** Collects the lines of the one bridge of a mosquitto.conf. */
export interface BridgeLines {
  /** A `connection` line. */
  begin(line: ConfLine): void
  /** A line with an option of bridges, its value in normal form; false if it belongs to a second bridge. */
  add(line: ConfLine): boolean
  /** Whether a line of this file belongs to a bridge. */
  isIn(file: string): boolean
  /** Turns the lines into settings; returns the password, if there is one. */
  end(): string | undefined
}

const SEVERAL: ReadonlySet<string> = new Set(['topic', 'address', 'addresses'])
/** Options with two names. */
const CALLED: Readonly<Record<string, string>> = {
  clientid: 'remote_clientid',
  username: 'remote_username',
  password: 'remote_password',
}

export function createBridgeLines(outcome: SettingsSink): BridgeLines {
  let connection: ConfLine | undefined
  // null for the lines of a second bridge
  const current = new Map<string, ConfLine | null>()
  const named = new Map<string, ConfLine>()
  const topics: ConfLine[] = []
  const addresses: ConfLine[] = []

  return {
    begin(line) {
      if (connection) {
        outcome.refuse(
          line.at,
          `connection ${line.value}: only one bridge is supported, and ${connection.at} starts it. For this one keep a Mosquitto as a client of the gateway, and remove its lines here`,
        )
        current.set(line.file, null)
        return
      }
      connection = line
      current.set(line.file, line)
    },
    isIn: (file) => current.has(file),
    add(line) {
      if (!current.get(line.file)) return false
      const name = CALLED[line.name] ?? line.name
      const before = named.get(name)
      if (before && !SEVERAL.has(name)) outcome.refuse(line.at, namedTwice(line.name, before))
      named.set(name, line)
      if (name === 'topic') topics.push(line)
      else if (name === 'address' || name === 'addresses') addresses.push(line)
      return true
    },
    end() {
      if (!connection) return undefined
      const isTls = named.has('bridge_cafile')
      setAddresses(connection, addresses, isTls, outcome)
      setTopics(connection, topics, outcome)
      if (!named.has('remote_clientid'))
        outcome.set('bridgeClientId', `${hostname()}.${connection.value}`, connection)
      const start = named.get('start_type')
      if (start && start.value !== 'automatic')
        outcome.warn(
          start.at,
          `start_type ${start.value}: the bridge always connects when the gateway starts, and stays connected`,
        )
      return named.get('remote_password')?.value
    },
  }
}

function setAddresses(
  connection: ConfLine,
  lines: readonly ConfLine[],
  isTls: boolean,
  outcome: SettingsSink,
): void {
  const urls: string[] = []
  for (const { at, name, value } of lines)
    for (const address of value.split(' ').filter((word) => word !== '')) {
      const [, bracketed, plain, port = '1883'] =
        /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(address) ?? []
      const host = bracketed === undefined ? plain : `[${bracketed}]`
      if (host === undefined) outcome.refuse(at, `${name}: "${address}" is not HOST or HOST:PORT`)
      else urls.push(`${isTls ? 'mqtts' : 'mqtt'}://${host}:${port}`)
    }
  const [first] = lines
  if (first) outcome.set('bridge', urls.join(','), first)
  else outcome.refuse(connection.at, `connection ${connection.value}: it has no address`)
}

function setTopics(connection: ConfLine, lines: readonly ConfLine[], outcome: SettingsSink): void {
  const topics: BridgeTopic[] = []
  for (const { at, value } of lines) {
    const [pattern, direction = 'out', qos = '0', ...prefixes] = value
      .split(' ')
      .filter((word) => word !== '')
    try {
      if (value.includes(';')) throw new Error('must not contain a semicolon')
      const topic = parseBridgeTopic([pattern, direction, qos, ...prefixes].join(' '))
      topics.push(topic)
      if (topic.qos === 0)
        outcome.warn(
          at,
          'topic: with QoS 0 a message is lost if the connection breaks while it is sent, as in Mosquitto; write 1 after the direction to avoid that',
        )
    } catch (error) {
      outcome.refuse(at, `topic ${(error as Error).message}`)
    }
  }
  const [first] = lines
  if (!first) outcome.refuse(connection.at, `connection ${connection.value}: it has no topic`)
  else if (topics.length > 0) outcome.set('bridgeTopics', bridgeTopicsText(topics), first)
}

/** Whether the option belongs to a bridge. */
export function isOfBridge(name: string): boolean {
  return name !== 'connection' && Object.hasOwn(BRIDGE_OPTIONS, name)
}
