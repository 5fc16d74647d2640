import { SETTINGS, type SettingName } from '../schema.ts'
import { formOf } from './forms.ts'

/** How an option of mosquitto.conf is translated. */
export type Option =
  /** Becomes a setting, within its limits; `read` returns its text, or null to leave the setting unchanged. */
  | {
      readonly becomes: 'setting'
      readonly setting: SettingName
      read(value: string): string | null
      readonly note: string
    }
  /** Belongs to a listener or a bridge, whose lines `listeners.ts` or `bridge.ts` translates together. */
  | { readonly becomes: 'listener'; readonly note: string }
  | { readonly becomes: 'same' | 'warning' | 'error'; readonly note: string }
  | { readonly becomes: 'switch'; readonly on: Option; readonly off: Option }

const same = (note: string): Option => ({ becomes: 'same', note })
const warning = (note: string): Option => ({ becomes: 'warning', note })
const error = (note: string): Option => ({ becomes: 'error', note })
const listener = (note: string): Option => ({ becomes: 'listener', note })
const yes = (on: Option, off: Option): Option => ({ becomes: 'switch', on, off })
const sets = (
  setting: SettingName,
  note: string,
  read: (value: string) => string | null = (value) => value,
): Option => ({ becomes: 'setting', setting, note, read })

/** Above the maximum of every setting. */
const NO_LIMIT = 'Infinity'
/** A number where 0 (or -1) means "no limit" in Mosquitto: the gateway's own limit applies then. */
const bounded = (value: string) => (Number(value) <= 0 ? null : value)

/** The note in the table for numbers that Mosquitto accepts and the setting does not. */
export function beyond(name: string, setting: SettingName): string {
  const { parse } = SETTINGS[setting]
  const { least, most } = parse
  if (least === undefined || most === undefined) return ''
  const takes = (text: string) => {
    try {
      return Number(formOf(name)(text)) > 0
    } catch {
      return false
    }
  }
  const above = Number(parse(most)) + 1
  const parts = [
    ...(takes(String(Number(parse(least)) - 1)) ? [`less than ${least} becomes ${least}`] : []),
    ...(takes(`${above}`) || takes(`${above}y`) ? [`more than ${most} becomes ${most}`] : []),
  ]
  return parts.length === 0 ? '' : `; ${parts.join(', ')}, with a **warning**`
}

const PLUGIN = error(
  'plugins are not supported; the certificate and the ACL file decide. Remove this line',
)
const PASSWORD = error(
  'the gateway does not use passwords: issue a certificate to each client ("wott-gateway device add") and remove this line',
)
const PSK = error(
  'the gateway does not use pre-shared keys: issue a certificate to each client ("wott-gateway device add") and remove this line',
)
const ENGINE = error('the private key must be a PEM file; remove this line')
const LOG_FORM = warning('the log is JSON on standard output, with ISO times')

const MAX_QOS = warning('QoS 0, 1 and 2 are all offered')
/** The option has an old and a new name. */
export const PERSISTENCE = sets('broker', 'false is memory:', (value) =>
  value === 'true' ? null : 'memory:',
)

/** Every option of Mosquitto 2.0 except those of bridges. */
export const OPTIONS: Readonly<Record<string, Option>> = {
  acl_file: listener('WOTT_ACL_FILE; one file for every door'),
  allow_anonymous: yes(
    warning('anonymous clients are not supported: a client without a certificate is refused'),
    same('a client without a certificate is refused'),
  ),
  allow_duplicate_messages: yes(
    warning('a message that matches overlapping filters is always sent once'),
    same('a message that matches overlapping filters is sent once'),
  ),
  allow_zero_length_clientid: yes(
    same('a client with an empty client id is given one'),
    error(
      'an empty client id cannot be forbidden; it is harmless, because the certificate identifies the client. Remove this line',
    ),
  ),
  auth_plugin: PLUGIN,
  auth_plugin_deny_special_chars: PLUGIN,
  auto_id_prefix: warning('client ids that the gateway generates start with auto-'),
  autosave_interval: same('acknowledged messages are stored (WOTT_FSYNC)'),
  autosave_on_changes: same('acknowledged messages are stored (WOTT_FSYNC)'),
  bind_address: listener('the host in WOTT_MQTT_LISTEN'),
  bind_interface: error('name an address instead: "listener PORT ADDRESS"'),
  cafile: listener('WOTT_CA_FILE'),
  capath: listener('WOTT_CA_FILE, which may be such a folder; not together with cafile'),
  certfile: listener('WOTT_CERT_FILE'),
  check_retain_source: yes(
    error(
      'a retained message stays when its publisher loses the right to publish; delete it when you remove the right, and remove this line',
    ),
    same('a retained message stays when its publisher loses the right to publish'),
  ),
  ciphers: listener('WOTT_CIPHERS'),
  'ciphers_tls1.3': listener("WOTT_CIPHERS; without ciphers, TLS 1.2 uses Node's default list"),
  clientid_prefixes: error(
    'client ids are not restricted; the certificate identifies the client. Remove this line',
  ),
  connection_messages: yes(
    same('who connects and leaves is logged'),
    warning('who connects and leaves is logged; WOTT_LOG_LEVEL=warn leaves this out'),
  ),
  crlfile: listener('WOTT_CRL_FILE'),
  dhparamfile: warning(
    'finite-field Diffie-Hellman is not offered; elliptic-curve Diffie-Hellman is',
  ),
  http_dir: error('the gateway does not serve files; use a web server, and remove this line'),
  keyfile: listener('WOTT_KEY_FILE'),
  listener: listener('WOTT_MQTT_LISTEN; with "protocol websockets" WOTT_DEVICE_LISTEN'),
  log_dest: warning('the log goes to standard output, where journald or Docker collects it'),
  log_facility: LOG_FORM,
  log_timestamp: LOG_FORM,
  log_timestamp_format: LOG_FORM,
  log_type: listener('WOTT_LOG_LEVEL: the lowest level of all the types'),
  max_connections: listener(
    `WOTT_MAX_CONNECTIONS; 0 or less keeps the default of the gateway${beyond('max_connections', 'maxConnections')}`,
  ),
  max_inflight_bytes: warning('WOTT_CLIENT_BUFFER limits the bytes that wait for a client'),
  max_inflight_messages: sets('maxInflight', '0 or less becomes 65535', (value) =>
    Number(value) <= 0 ? '65535' : value,
  ),
  max_keepalive: sets('maxKeepAlive', 'for MQTT 5 clients only'),
  max_packet_size: sets(
    'maxPayload',
    'the largest payload; topic and properties may add 128 KiB. If message_size_limit is smaller, it is used instead',
  ),
  max_qos: MAX_QOS,
  max_queued_bytes: sets('sessionQueueBytes', '0 keeps the default of the gateway', bounded),
  max_queued_messages: sets('sessionQueue', '0 keeps the default of the gateway', bounded),
  max_topic_alias: listener('WOTT_TOPIC_ALIAS_MAXIMUM, for each MQTT 5 client'),
  maximum_qos: MAX_QOS,
  memory_limit: warning(
    'WOTT_QUEUE_BYTES, WOTT_RETAINED_BYTES and WOTT_HISTORY_BYTES limit the memory',
  ),
  message_size_limit: sets(
    'maxPayload',
    '0 (no limit) becomes the largest possible value. If max_packet_size is smaller, it is used instead',
    (value) => (value === '0' ? NO_LIMIT : value),
  ),
  mount_point: error(
    'the gateway does not add a prefix to topics; remove this line, and write the prefix in the ACL file and in the clients',
  ),
  password_file: PASSWORD,
  per_listener_settings: yes(
    warning('all doors share one ACL file'),
    same('all doors share one ACL file'),
  ),
  persistence: PERSISTENCE,
  persistence_file: warning("messages are kept in broker.sqlite; Mosquitto's own file is not read"),
  persistence_location: listener(
    'WOTT_BROKER=file:PATH with "persistence true", otherwise a **warning**',
  ),
  persistent_client_expiration: sets('sessionExpiry', 'in seconds; a month is 30 days'),
  pid_file: warning('no PID file is written; systemd and Docker do not need one'),
  plugin: error(
    'plugins are not supported, except mosquitto_acl_file.so of Mosquitto 2.1, whose plugin_opt_acl_file is read as acl_file. Remove this line',
  ),
  port: listener('WOTT_MQTT_LISTEN'),
  protocol: listener('mqtt; or websockets, at the paths / and /mqtt'),
  psk_file: PSK,
  psk_hint: PSK,
  queue_qos0_messages: yes(
    warning('QoS 0 messages are not kept for clients that are offline; subscribe with QoS 1'),
    same('QoS 0 messages are not kept for clients that are offline'),
  ),
  require_certificate: listener('every client always needs a certificate'),
  retain_available: yes(
    same('messages can be retained'),
    error('retained messages cannot be switched off; remove this line and set WOTT_MAX_RETAINED=0'),
  ),
  retained_persistence: PERSISTENCE,
  retry_interval: warning('Mosquitto 2.0 ignores it too'),
  set_tcp_nodelay: same('TCP_NODELAY is set on every door'),
  socket_domain: listener('the host in WOTT_MQTT_LISTEN'),
  sys_interval: warning('there are no $SYS topics; /metrics has the same numbers and more'),
  tls_engine: ENGINE,
  tls_engine_kpass_sha1: ENGINE,
  tls_keyform: ENGINE,
  tls_version: listener('WOTT_TLS_VERSION; TLS 1.2 is the minimum'),
  upgrade_outgoing_qos: yes(
    warning(
      'a message is delivered with the lower of its own QoS and that of the subscription, as in the MQTT standard',
    ),
    same('a message is delivered with the lower of its own QoS and that of the subscription'),
  ),
  use_identity_as_username: listener('the user is always the CN'),
  use_subject_as_username: listener('the user is always the CN'),
  use_username_as_clientid: yes(
    error(
      'client ids are chosen by the clients, and sessions belong to a certificate anyway; remove this line',
    ),
    same('client ids are chosen by the clients'),
  ),
  user: warning('start the gateway as that user; it does not need root'),
  websockets_headers_size: warning('the limits of the device door apply'),
  websockets_log_level: warning('WOTT_LOG_LEVEL applies to everything'),
}

/** What becomes of an option of a mosquitto.conf; undefined if Mosquitto does not know it. */
export function optionOf(name: string): Option | undefined {
  // an option of Mosquitto 2.1
  if (name === 'global_plugin' || /^(auth|plugin)_opt_/.test(name)) return PLUGIN
  return Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined
}
