import type { Option } from './options.ts'

const same = (note: string): Option => ({ becomes: 'same', note })
const warning = (note: string): Option => ({ becomes: 'warning', note })
const error = (note: string): Option => ({ becomes: 'error', note })
const together = (note: string): Option => ({ becomes: 'listener', note })
const yes = (on: Option, off: Option): Option => ({ becomes: 'switch', on, off })
const sets = (
  setting: Extract<Option, { becomes: 'setting' }>['setting'],
  note: string,
  read: (value: string) => string = (value) => value,
): Option => ({ becomes: 'setting', setting, note, read })

const CLIENT_ID = sets(
  'bridgeClientId',
  'default: the name of the machine, a dot and the name of the connection, as in Mosquitto',
)
const USERNAME = sets('bridgeUsername', 'the user name at the other broker')
const PASSWORD = together('the password at the other broker, kept in memory')
const NO_ACCOUNT = warning('the bridge needs no account at the gateway')
const PSK = error(
  'pre-shared keys are not supported; use a client certificate, and remove this line',
)
const ADDRESS = together(
  'WOTT_BRIDGE, with mqtts: if there is a bridge_cafile; several addresses are tried in turn',
)
const LAZY = warning('the connection is always kept open')
const NOTIFICATIONS = warning(
  'nothing is published about the connection; wott_bridge_connected and /readyz show its state',
)

/** Every option of Mosquitto 2.0 that belongs to a bridge, after its `connection` line. */
export const BRIDGE_OPTIONS: Readonly<Record<string, Option>> = {
  connection: together('starts the options of the bridge; a second bridge is an **error**'),
  address: ADDRESS,
  addresses: ADDRESS,
  bridge_alpn: error('ALPN is not supported; use another port, and remove this line'),
  bridge_attempt_unsubscribe: yes(
    warning('nothing is unsubscribed; messages that no topic line lets in are dropped'),
    same('nothing is unsubscribed'),
  ),
  bridge_bind_address: error('the operating system chooses the address; remove this line'),
  bridge_cafile: sets('bridgeCaFile', 'turns on TLS'),
  bridge_capath: error('name one file with bridge_cafile instead'),
  bridge_certfile: sets('bridgeCertFile', 'the client certificate'),
  bridge_identity: PSK,
  bridge_insecure: yes(
    error(
      'the name in the certificate of the other broker is always checked; connect to a name that is in it, and remove this line',
    ),
    same('the name in the certificate of the other broker is checked'),
  ),
  bridge_keyfile: sets('bridgeKeyFile', 'the private key of the client certificate'),
  bridge_max_packet_size: warning(
    'the maximum packet size that the other broker announces is used',
  ),
  bridge_outgoing_retain: sets('bridgeRetain', 'false is clear', (value) =>
    value === 'true' ? 'keep' : 'clear',
  ),
  bridge_protocol_version: same('MQTT 5 if the other broker supports it, otherwise 3.1.1'),
  bridge_psk: PSK,
  bridge_require_ocsp: yes(
    error('OCSP is not supported; remove this line'),
    same('OCSP is not used'),
  ),
  bridge_tls_version: warning('TLS 1.2 or 1.3, the newer one that both support'),
  cleansession: sets('bridgeSession', 'false is kept', (value) =>
    value === 'true' ? 'clean' : 'kept',
  ),
  clientid: CLIENT_ID,
  idle_timeout: LAZY,
  keepalive_interval: sets('bridgeKeepalive', 'seconds'),
  local_cleansession: yes(
    warning('messages that wait for the other broker always stay in the log'),
    same('messages that wait for the other broker stay in the log'),
  ),
  local_clientid: NO_ACCOUNT,
  local_password: NO_ACCOUNT,
  local_username: NO_ACCOUNT,
  notification_topic: NOTIFICATIONS,
  notifications: yes(NOTIFICATIONS, same('nothing is published about the connection')),
  notifications_local_only: NOTIFICATIONS,
  password: PASSWORD,
  remote_clientid: CLIENT_ID,
  remote_password: PASSWORD,
  remote_username: USERNAME,
  restart_timeout: warning(
    'after a failure the bridge tries again after 0.25 to 30 seconds, longer each time',
  ),
  round_robin: yes(
    same('the addresses are tried in turn'),
    warning(
      'the addresses are tried in turn; the bridge does not go back to the first while another one works',
    ),
  ),
  start_type: together('automatic; lazy becomes automatic with a **warning**'),
  threshold: LAZY,
  topic: together('WOTT_BRIDGE_TOPICS; QoS 2 becomes 1; QoS 0 gives a **warning**'),
  try_private: sets('bridgeBit', 'for MQTT 3.1.1', (value) => (value === 'true' ? 'on' : 'off')),
  username: USERNAME,
}
