import { BlockList, isIP } from 'node:net'
import { resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import { FORM, parseTemplate, type TopicTemplate } from '../topic/template.ts'
import { filterProblem, readingTopicProblem } from '../topic/topic.ts'
import { type BridgeTopic, parseBridgeTopics } from './bridge-topics.ts'
import { type BrokerUrl, parseBrokerUrls } from './broker-url.ts'
import { Pattern } from './pattern.ts'

/** Turns the text of a setting into its value; throws an Error that says what would be right. */
export interface Parse<T> {
  (text: string): T
  /** What stands for the value in `--help`. */
  readonly form: string
  /** What the value may be, to be read after "must be". */
  readonly allowed: string
  /** The smallest and the largest number that it may be, as their texts. */
  readonly least?: string
  readonly most?: string
}

/** Where a door listens; null is `off`. */
export type ListenAddress = { readonly host: string; readonly port: number } | null

/** Where the proxy door listens: also on a Unix socket. */
export type ProxyAddress = ListenAddress | { readonly path: string }

export type BrokerAddress =
  | { readonly kind: 'memory' }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'mqtt'; readonly urls: readonly BrokerUrl[] }

/** `read` gives undefined for what is not `allowed`, or throws where it has more to say. */
function parse<T>(
  form: string,
  allowed: string,
  read: (text: string) => T | undefined,
  range?: { readonly least: string; readonly most: string },
): Parse<T> {
  const reading = (text: string) => {
    const value = read(text)
    if (value === undefined) throw new Error(`must be ${allowed}`)
    return value
  }
  return Object.assign(reading, { form, allowed, ...range })
}

export function integer(min: number, max: number): Parse<number> {
  const read = (text: string) => {
    const value = Number(text)
    return /^\d+$/.test(text) && value >= min && value <= max ? value : undefined
  }
  const range = { least: String(min), most: String(max) }
  return parse('N', `a whole number from ${min} to ${max}`, read, range)
}

const BYTE_UNITS = { '': 1, B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const

/** A size such as `131072`, `128KiB` or `1MiB`, in bytes. */
export function bytes(min: number, max: number): Parse<number> {
  const allowed = `a size from ${bytesText(min)} to ${bytesText(max)}, such as 1048576 or 1MiB`
  const read = (text: string) => {
    const [, digits, unit] = /^(\d+) ?(B|KiB|MiB|GiB)?$/.exec(text) ?? []
    const value = Number(digits) * BYTE_UNITS[(unit ?? '') as keyof typeof BYTE_UNITS]
    return value >= min && value <= max ? value : undefined
  }
  return parse('SIZE', allowed, read, { least: bytesText(min), most: bytesText(max) })
}

export function bytesText(value: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB'] as const)
    if (value >= BYTE_UNITS[unit] && value % BYTE_UNITS[unit] === 0)
      return `${value / BYTE_UNITS[unit]}${unit}`
  return String(value)
}

/** Of one in a line of `--help`. */
const LONGEST_FORM = 32

export function choice<const T extends string>(...allowed: readonly T[]): Parse<T> {
  const form = allowed.join('|')
  return parse(
    form.length <= LONGEST_FORM ? form : 'NAME',
    `one of ${allowed.join(', ')}`,
    (text) => allowed.find((value) => value === text),
  )
}

/** A file or folder, made absolute against the working directory. */
export const path: Parse<string> = parse('PATH', 'the path of a file or folder', (text) =>
  // an empty path would be the working directory
  text === '' ? undefined : resolve(text),
)

/** A list as OpenSSL reads it; of what it does not know it passes over all but suites of TLS 1.3. */
export const cipherList: Parse<string> = parse(
  'LIST',
  'OpenSSL names of cipher suites, separated by colons',
  (text) => {
    if (!/^[\w:+!@=,-]+$/.test(text)) return undefined
    try {
      createSecureContext({ ciphers: text })
      return text
    } catch {
      return undefined
    }
  },
)

/** `HOST:PORT`, `[IPV6]:PORT`, `:PORT` (every address) or `off`; port 0 takes a free one. */
export const listenAddress: Parse<ListenAddress> = parse(
  'HOST:PORT',
  'HOST:PORT, [IPV6]:PORT, :PORT or off',
  (text) => {
    if (text === 'off') return null
    const [, bracketed, plain, digits] =
      /^(?:\[([\da-fA-F:.%]+)\]|([^\s[\]:/]*)):(\d{1,5})$/.exec(text) ?? []
    const port = Number(digits)
    if (digits === undefined || port > 65_535) return undefined
    return { host: bracketed ?? (plain === '' || plain === undefined ? '::' : plain), port }
  },
)

/** As `listenAddress`, or `unix:PATH`. */
export const proxyAddress: Parse<ProxyAddress> = parse(
  'HOST:PORT|unix:PATH',
  'HOST:PORT, [IPV6]:PORT, :PORT, unix:PATH or off',
  (text) => {
    if (text.startsWith('unix:'))
      return text.length > 5 ? { path: resolve(text.slice(5)) } : undefined
    try {
      return listenAddress(text)
    } catch {
      return undefined
    }
  },
)

/** The name of a header, in lower case. Without underscores: what follows CGI takes them for hyphens. */
export const headerName: Parse<string> = parse(
  'NAME',
  'the name of an HTTP header, of letters, digits and hyphens',
  (text) => (/^[A-Za-z][A-Za-z0-9-]*$/.test(text) ? text.toLowerCase() : undefined),
)

/** Names of hosts, in lower case. */
export const hostNames: Parse<readonly string[]> = parse(
  'NAMES',
  'host names, separated by commas',
  (text) => {
    const names = text.toLowerCase().split(/ *, */)
    return names.every((name) => /^[a-z\d_]([a-z\d_.-]*[a-z\d_])?$/.test(name)) ? names : undefined
  },
)

/** Some of these, with commas between them. */
export function listOf<const T extends string>(...allowed: readonly T[]): Parse<readonly T[]> {
  return parse('NAMES', `one or more of ${allowed.join(', ')}, separated by commas`, (text) => {
    const found = text.split(/ *, */).map((name) => allowed.find((value) => value === name))
    return found.every((name) => name !== undefined) ? found : undefined
  })
}

/** IP addresses and networks such as `10.0.0.0/8`; one of IPv4 also holds for an IPv6 socket that maps it. */
export const networks: Parse<BlockList> = parse(
  'NETWORKS',
  'IP addresses and networks such as 10.0.0.0/8 or 2001:db8::/32, separated by commas',
  (text) => {
    const list = new BlockList()
    return text.split(/ *, */).every((each) => addNetwork(list, each)) ? list : undefined
  },
)

function addNetwork(list: BlockList, text: string): boolean {
  const [, address = '', digits] = /^([\da-fA-F:.]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const version = isIP(address)
  const bits = version === 4 ? 32 : 128
  const prefix = Number(digits ?? bits)
  // of /0 everybody is a part
  if (version === 0 || prefix === 0 || prefix > bits) return false
  list.addSubnet(address, prefix, version === 4 ? 'ipv4' : 'ipv6')
  return true
}

/** A regular expression for whole WoTT IDs; what MQTT and the ACL give a meaning is refused whatever it says. */
export const idPattern: Parse<Pattern> = parse(
  'REGEXP',
  'a regular expression that starts with "^" and ends with "$", so that it matches the whole WoTT ID',
  (text) => {
    if (!text.startsWith('^') || !text.endsWith('$')) return undefined
    try {
      return new Pattern(text)
    } catch (error) {
      const { message } = error as Error
      throw error instanceof SyntaxError
        ? new Error(`must be a regular expression: ${message}`)
        : error
    }
  },
)

/** Text of so many characters, as it is. */
export function text(min: number, max: number): Parse<string> {
  return parse('TEXT', `text of ${min} to ${max} characters`, (said) =>
    said.length >= min && said.length <= max ? said : undefined,
  )
}

/** What the path of a URL begins with. */
export const urlPath: Parse<string> = parse('PATH', 'a path such as /iot', (said) =>
  /^\/[^\s?#]*$/.test(said) ? said : undefined,
)

/** What another setting takes, or `off`, which is null. */
export function orOff<T>(other: Parse<T>): Parse<T | null> {
  return parse(other.form, `${other.allowed}, or off`, (said) =>
    said === 'off' ? null : other(said),
  )
}

/** MQTT topic filters; a comma cannot be part of one. */
export const topicFilters: Parse<readonly string[]> = parse(
  'FILTERS',
  'MQTT topic filters, separated by commas',
  (said) => {
    const filters = said.split(/ *, */)
    return filters.every((filter) => filterProblem(filter) === null) ? filters : undefined
  },
)

/** What topics are made of. */
export const topicTemplate: Parse<TopicTemplate> = parse('TEMPLATE', FORM, parseTemplate)
/** Topic filters with the WoTT ID as a level of each, so that no two devices have one in common. */
export const commandTopics: Parse<readonly string[]> = parse(
  'FILTERS',
  'MQTT topic filters, separated by commas, each with %u as one of its levels',
  (said) => {
    const filters = said.split(/ *, */)
    const isOwn = (filter: string) =>
      filterProblem(filter) === null && !filter.startsWith('$') && filter.split('/').includes('%u')
    return filters.every(isOwn) ? filters : undefined
  },
)

/** A topic that messages are published to, or what such topics begin with. */
export const topicName: Parse<string> = parse(
  'TOPIC',
  'a topic such as homeassistant, without wildcards, that does not start with "$"',
  (said) => (readingTopicProblem(said) === null ? said : undefined),
)

/** A topic with a level `%u` for the WoTT ID. */
export const topicOfDevice: Parse<string> = parse(
  'TOPIC',
  'a topic with one level %u for the WoTT ID, such as status/%u, without wildcards, that does not start with "$"',
  (said) =>
    readingTopicProblem(said) === null &&
    said.split('/').filter((level) => level === '%u').length === 1
      ? said
      : undefined,
)

/** Where the broker at the other end of a bridge is. */
export const brokerUrls: Parse<readonly BrokerUrl[]> = parse(
  'URL',
  'mqtt://HOST:PORT or mqtts://HOST:PORT; several are separated by commas',
  parseBrokerUrls,
)

export const bridgeTopics: Parse<readonly BridgeTopic[]> = parse(
  'TOPICS',
  'topics such as PATTERN out|in|both QOS LOCAL_PREFIX REMOTE_PREFIX, separated by semicolons',
  (said) => {
    const topics = parseBridgeTopics(said)
    return topics.length > 0 ? topics : undefined
  },
)

export const brokerAddress: Parse<BrokerAddress> = parse(
  'URL',
  'memory:, file:PATH, mqtt://HOST:PORT or mqtts://HOST:PORT (several broker addresses are separated by commas)',
  (said) => {
    if (said === 'memory:') return { kind: 'memory' }
    if (/^(redis|valkey)s?:/i.test(said))
      throw new Error(
        'must be file:PATH for one gateway, or mqtts://HOST:PORT of an MQTT broker or cluster for several (Redis is not supported: it loses acknowledged messages when its replica takes over)',
      )
    const urls = parseBrokerUrls(said)
    if (urls) return { kind: 'mqtt', urls }
    const [, rest] = /^file:\/\/([^/].*)$/.exec(said) ?? []
    if (rest !== undefined)
      throw new Error(
        `must be file:${rest} (a folder in the working directory) or file:/${rest} (an absolute path)`,
      )
    return /^file:./.test(said) ? { kind: 'file', path: resolve(said.slice(5)) } : undefined
  },
)
