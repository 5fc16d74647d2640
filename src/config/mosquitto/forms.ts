/**
 * Reads the text after the name of an option, as Mosquitto 2.0 does, and returns the value in one spelling. Throws an Error,
 * whose message follows the name, where Mosquitto would stop, or would read a number that is not in the file.
 */
export type Form = (rest: string) => string

export const HAS_NO_VALUE = 'has no value'

/** Only spaces separate words: a tab is part of its word. */
function firstWord(rest: string): string {
  const [, word] = /^ *([^ ]+)/.exec(rest) ?? []
  if (word === undefined) throw new Error(HAS_NO_VALUE)
  return word
}

// the characters that C's isspace accepts
const BLANKS_AROUND = /^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/

/** The whole rest of the line. */
const text: Form = (rest) => {
  const value = rest.replace(BLANKS_AROUND, '')
  if (value === '') throw new Error(HAS_NO_VALUE)
  if (CONTROLS.test(value)) throw new Error('must not contain control characters')
  // bytes that are not UTF-8 were read as U+FFFD
  if (value.includes('\ufffd')) throw new Error('must be UTF-8')
  return value
}

const onOff: Form = (rest) => {
  const word = firstWord(rest)
  if (word === 'true' || word === '1') return 'true'
  if (word === 'false' || word === '0') return 'false'
  throw new Error(`must be true or false, not "${word}"`)
}

function oneOf(...allowed: readonly string[]): Form {
  return (rest) => {
    const word = firstWord(rest)
    if (allowed.includes(word)) return word
    throw new Error(`must be one of ${allowed.join(', ')}, not "${word}"`)
  }
}

/** Mosquitto ignores letters after the digits and reads a word as 0: "64k" would be 64 bytes. */
function number(least: number, most: number): Form {
  return (rest) => {
    const word = firstWord(rest)
    const [, digits] = /^[\t\v\f\r]*([+-]?\d+)(?:[\t\v\f\r].*)?$/.exec(word) ?? []
    const value = Number(digits)
    if (digits === undefined) throw new Error(`must be a whole number, not "${word}"`)
    if (value < least || value > most) {
      const range = most === Infinity ? `at least ${least}` : `from ${least} to ${most}`
      throw new Error(`must be ${least === -Infinity ? `at most ${most}` : range}, not ${value}`)
    }
    return String(value)
  }
}

const UINT16 = 65_535
const anyNumber = number(-Infinity, Infinity)

/** PORT or PORT HOST; with port 0, HOST is the path of a Unix socket. */
const listener: Form = (rest) => {
  const port = number(0, UINT16)(rest)
  const [, host] = /^ *[^ ]+ +([^ #][^ ]*)/.exec(rest) ?? []
  if (host !== undefined) return `${port} ${host}`
  return number(1, UINT16)(port)
}

const UNITS = { h: 3600, d: 86_400, w: 604_800, m: 2_592_000, y: 31_536_000 } as const

/** In seconds. */
const duration: Form = (rest) => {
  const word = firstWord(rest)
  const [, digits, unit] = /^[\t\v\f\r]*\+?(\d+)([hdwmy])$/.exec(word) ?? []
  const seconds = Number(digits) * UNITS[unit as keyof typeof UNITS]
  if (!(seconds > 0))
    throw new Error(`must be a number and one of h, d, w, m, y, such as 2m, not "${word}"`)
  return String(seconds)
}

const logDestination: Form = (rest) => {
  const word = oneOf('none', 'syslog', 'stdout', 'stderr', 'topic', 'dlt', 'file')(rest)
  if (word === 'file' && /^ *file[ \t]*$/.test(rest)) throw new Error('file has no path')
  return word
}

function of(form: Form, names: string): Record<string, Form> {
  return Object.fromEntries(names.split(/\s+/).map((name) => [name, form]))
}

const TEXTS = of(
  text,
  `acl_file auth_plugin auto_id_prefix bind_address bind_interface cafile capath certfile ciphers ciphers_tls1.3
  clientid_prefixes crlfile dhparamfile http_dir keyfile log_timestamp_format mount_point password_file persistence_file
  persistence_location pid_file plugin psk_file psk_hint tls_engine tls_engine_kpass_sha1 tls_keyform tls_version user`,
)

/** The forms of the options of bridges, except plain texts. */
const BRIDGE_FORMS: Readonly<Record<string, Form>> = {
  ...of(
    onOff,
    `bridge_attempt_unsubscribe bridge_insecure bridge_outgoing_retain bridge_require_ocsp cleansession local_cleansession
    notifications notifications_local_only round_robin try_private`,
  ),
  ...of(anyNumber, 'bridge_max_packet_size idle_timeout threshold'),
  bridge_protocol_version: oneOf('mqttv50', 'mqttv311'),
  keepalive_interval: number(5, UINT16),
  start_type: oneOf('automatic', 'lazy', 'manual', 'once'),
}

/** The form of each option of Mosquitto 2.0. */
export const FORMS: Readonly<Record<string, Form>> = {
  ...TEXTS,
  ...of(
    onOff,
    `allow_anonymous allow_duplicate_messages allow_zero_length_clientid auth_plugin_deny_special_chars
    autosave_on_changes check_retain_source connection_messages log_timestamp per_listener_settings persistence
    queue_qos0_messages require_certificate retain_available retained_persistence set_tcp_nodelay upgrade_outgoing_qos
    use_identity_as_username use_subject_as_username use_username_as_clientid`,
  ),
  ...of(
    anyNumber,
    `autosave_interval max_connections max_inflight_bytes max_queued_bytes max_queued_messages websockets_log_level`,
  ),
  ...of(number(0, 2), 'max_qos maximum_qos'),
  ...of(number(0, UINT16), 'max_topic_alias sys_interval websockets_headers_size'),
  listener,
  log_dest: logDestination,
  log_facility: number(0, 7),
  log_type: oneOf(
    ...['none', 'information', 'notice', 'warning', 'error', 'debug', 'subscribe', 'unsubscribe'],
    ...['internal', 'websockets', 'all'],
  ),
  max_inflight_messages: number(-Infinity, UINT16),
  max_keepalive: number(10, UINT16),
  max_packet_size: number(20, Infinity),
  memory_limit: number(0, Infinity),
  message_size_limit: number(0, 268_435_455),
  persistent_client_expiration: duration,
  port: number(1, UINT16),
  protocol: oneOf('mqtt', 'websockets'),
  // Mosquitto ignores its value
  retry_interval: (rest) => rest,
  socket_domain: oneOf('ipv4', 'ipv6'),
}

/** The form of an option in OPTIONS or BRIDGE_OPTIONS; options of plugins are texts. */
export function formOf(name: string): Form {
  return FORMS[name] ?? BRIDGE_FORMS[name] ?? text
}

/** Without a value, Mosquitto logs an error for these options and goes on; at others it stops. */
export const MAY_BE_EMPTY: ReadonlySet<string> = new Set([
  ...['log_type', 'max_connections', 'persistent_client_expiration', 'protocol'],
])

/** Options that may be repeated, `auto_id_prefix` with `per_listener_settings` only. */
const AGAIN = ['auth_plugin', 'auto_id_prefix', 'plugin', 'tls_keyform']

/** Whether Mosquitto stops if the option occurs twice in its scope. */
export function isNamedOnce(name: string): boolean {
  return Object.hasOwn(TEXTS, name) && !AGAIN.includes(name)
}
