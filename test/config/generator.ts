import fc, { type Arbitrary } from 'fast-check'
import { FORMS } from '../../src/config/mosquitto/forms.ts'
import { OPTIONS } from '../../src/config/mosquitto/options.ts'

/** Placeholders that the test replaces. */
export const PORT = 'PORT'
export const FOLDER = 'FOLDER'

const number = fc.oneof(
  fc.constantFrom('0', '1', '-1', '10', '19', '20', '+30', '007', '65534', '65535', '65536'),
  fc.integer({ min: 20, max: 60_000 }).map(String),
  fc.integer({ min: -100, max: 300_000_000 }).map(String),
)
const onOff = fc.constantFrom(
  ...['true', 'false', '1', '0', 'true', 'false', 'true', 'false', 'yes', 'True'],
)
const text = fc.constantFrom('a', 'a b', 'mosquitto.db', 'é', 'a\tb', 'a#b')
const WORDS: Readonly<Record<string, readonly string[]>> = {
  // the test reads its log there
  log_dest: ['stderr', 'stderr x', 'nowhere'],
  log_type: ['all', 'error', 'information', 'errors'],
  persistent_client_expiration: ['1h', '2w', '+3m', '0d', '-1y', '5', 'd', '1 d'],
  protocol: ['mqtt', 'mqtt', 'websockets', 'mqttsn'],
  socket_domain: ['ipv4', 'ipv4', 'ipv5'],
  tls_version: ['tlsv1.2', 'tlsv1.3', 'tlsv1.1'],
  ciphers: ['HIGH', 'DEFAULT'],
  'ciphers_tls1.3': ['TLS_AES_128_GCM_SHA256'],
  // the file has `user` already
  user: ['root'],
  persistence_location: [`${FOLDER}/`, FOLDER],
  log_facility: ['0', '7', '8'],
  retry_interval: ['1', 'x'],
}
const NUMBERS = [
  ...['autosave_interval', 'max_connections', 'max_inflight_bytes', 'max_inflight_messages'],
  ...['max_keepalive', 'max_packet_size', 'max_queued_bytes', 'max_queued_messages'],
  ...['max_topic_alias', 'max_qos', 'memory_limit', 'message_size_limit', 'sys_interval'],
  ...['websockets_headers_size', 'websockets_log_level'],
]
/** Options left out: those that the gateway cannot do, that the file has already, or that must be first. */
const WITHOUT = new Set([
  ...[
    'acl_file',
    'auto_id_prefix',
    'bind_address',
    'cafile',
    'capath',
    'certfile',
    'crlfile',
    'dhparamfile',
  ],
  ...['keyfile', 'listener', 'per_listener_settings', 'port', 'use_identity_as_username'],
  // a memory limit and a file that cannot be written end the broker later
  ...['memory_limit', 'pid_file', 'log_timestamp_format'],
])
const NAMES = Object.entries(OPTIONS).flatMap(([name, { becomes }]) =>
  becomes === 'error' || WITHOUT.has(name) ? [] : [name],
)

function valueFor(name: string): Arbitrary<string> {
  const words = WORDS[name]
  if (words) return fc.constantFrom(...words)
  if (NUMBERS.includes(name)) return number
  const isText = FORMS[name] && !isSwitch(name)
  return isText ? text : onOff
}

function isSwitch(name: string): boolean {
  try {
    return FORMS[name]?.('1') === 'true'
  } catch {
    return false
  }
}

const between = fc.oneof(
  { weight: 16, arbitrary: fc.constant(' ') },
  { weight: 4, arbitrary: fc.constantFrom('  ', ' \t', ' \t \t', '   ') },
  { weight: 1, arbitrary: fc.constantFrom('\t', ' \r', '', '=') },
)
const behind = fc.oneof(
  { weight: 16, arbitrary: fc.constant('') },
  { weight: 4, arbitrary: fc.constantFrom(' ', ' # a comment', ' x', '\r', ' \r') },
  { weight: 1, arbitrary: fc.constantFrom('\t', '\t# x', ' \t', '#') },
)
const before = fc.oneof(
  { weight: 12, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.constantFrom(' ', '   ', '\t', '\r', '#') },
)

function lineOf(name: string, value: Arbitrary<string>): Arbitrary<string> {
  const written = fc.oneof(
    { weight: 20, arbitrary: value },
    { weight: 1, arbitrary: fc.constant('') },
  )
  return fc.tuple(before, between, written, behind).map(([a, b, c, d]) => `${a}${name}${b}${c}${d}`)
}

/** Any line except a comment (without a line a listener opens at 1883 for everybody), and without host names. */
const openingOf = (name: string, value: Arbitrary<string>) =>
  lineOf(name, value).map((line) => line.replace(/^[#\r]/, '').replace(/( x|#)$/, ' # x'))

/** Lines that open no listener above the first one. */
const OF_ALL = NAMES.filter((name) => OPTIONS[name]?.becomes !== 'listener')
const optionOf = (names: readonly string[]) =>
  fc.constantFrom(...names).chain((name) => lineOf(name, valueFor(name)))
const junk = fc.constantFrom(
  '',
  ' ',
  '\t',
  '# x',
  ' # x',
  '#',
  'no_such_option 1',
  '\r',
  'listener',
)
const any = fc.oneof({ weight: 8, arbitrary: optionOf(NAMES) }, { weight: 1, arbitrary: junk })
const above = fc.oneof({ weight: 8, arbitrary: optionOf(OF_ALL) }, { weight: 1, arbitrary: any })

const listener = fc.oneof(
  { weight: 3, arbitrary: fc.constant(`listener ${PORT}`) },
  {
    weight: 2,
    arbitrary: openingOf(
      'listener',
      fc.constantFrom(PORT, `${PORT} 127.0.0.1`, `${PORT}  localhost`),
    ),
  },
  { weight: 1, arbitrary: openingOf('port', fc.constant(PORT)) },
)

/** A file with one listener, good or bad, for a client with a certificate. */
export const file: Arbitrary<string> = fc
  .tuple(
    fc.boolean(),
    fc.array(above, { maxLength: 3 }),
    listener,
    fc.array(any, { maxLength: 4 }),
    fc.constantFrom('\n', '\r\n'),
  )
  .map(([perListener, first, opening, below, end]) =>
    [
      `per_listener_settings ${perListener}`,
      'user root',
      `acl_file ${FOLDER}/acl`,
      ...first,
      opening,
      `cafile ${FOLDER}/ca.crt`,
      `certfile ${FOLDER}/own.crt`,
      `keyfile ${FOLDER}/own.key`,
      'require_certificate true',
      'use_identity_as_username true',
      ...below,
      '',
    ].join(end),
  )
