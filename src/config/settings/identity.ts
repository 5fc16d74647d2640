import { setting } from '../setting.ts'
import { idPattern } from '../values/id-pattern.ts'
import { cipherList } from '../values/network.ts'
import { orOff } from '../values/parse.ts'
import { choice, integer, path } from '../values/plain.ts'
import { topicName, topicOfDevice } from '../values/topics.ts'

/** Certificates, rights and people. */
export const IDENTITY_SETTINGS = {
  certsDir: setting(
    path,
    '/opt/wott/certs',
    'folder with ca.crt, client.crt and client.key (the layout of the WoTT agent)',
  ),
  caFile: setting(
    path,
    undefined,
    'CA certificates that sign device certificates: a file, or a folder prepared with "openssl rehash" [ca.crt in WOTT_CERTS_DIR]',
  ),
  certFile: setting(
    path,
    undefined,
    "the gateway's own certificate, followed by its chain [client.crt in WOTT_CERTS_DIR]",
  ),
  keyFile: setting(path, undefined, "the gateway's private key [client.key in WOTT_CERTS_DIR]"),
  crlFile: setting(
    path,
    undefined,
    'certificate revocation lists (PEM or DER) of every CA that issues device certificates; if not set, revocation is not checked',
  ),
  crlExpired: setting(
    choice('refuse', 'allow'),
    'refuse',
    'what happens when a revocation list has expired: refuse every device of its CA, or allow (keep using the list)',
  ),
  aclFile: setting(path, undefined, 'Mosquitto ACL file (acl_file): who may publish and read what'),
  topicsFile: setting(
    path,
    undefined,
    'topics file: names, units and limits of topics, and after what time they count as silent',
  ),
  silence: setting(
    orOff(integer(1, 31_622_400)),
    'off',
    'seconds without a message after which a topic of a device counts as silent, if the topics file does not say; off: never',
  ),
  statusTopic: setting(
    topicOfDevice,
    'status/%u',
    'topic for the retained status of a device ("online" or "offline"); %u is its WoTT ID. The status of each of its topics is one level below',
  ),
  silenceTopics: setting(
    integer(0, 1_000_000),
    '10000',
    'maximum number of topics watched for silence; a topic counts once for each device that publishes to it',
  ),
  silenceTopicsPerDevice: setting(
    integer(0, 1_000_000),
    '1000',
    'maximum number of topics watched for silence for one device',
  ),
  homeAssistant: setting(
    orOff(topicName),
    'off',
    "Home Assistant's discovery prefix (usually homeassistant), under which the topics of the topics file are announced; off: announce nothing",
  ),
  homeAssistantSensors: setting(
    integer(0, 100_000),
    '1000',
    'maximum number of sensors announced to Home Assistant',
  ),
  mosquittoConf: setting(
    path,
    undefined,
    'a mosquitto.conf to take settings from; flags and environment variables override it',
  ),
  tlsVersion: setting(choice('1.2', '1.3'), '1.2', 'lowest TLS version accepted on every door'),
  ciphers: setting(
    cipherList,
    undefined,
    "TLS cipher suites for every door: OpenSSL names, separated by colons [Node's default list]",
  ),
  idPattern: setting(
    idPattern,
    '^[A-Za-z0-9][A-Za-z0-9._-]*$',
    'regular expression that a WoTT ID (the certificate CN) must match; no backreferences or lookarounds',
  ),
  viewersFile: setting(
    path,
    'data/viewers.json',
    'file with the invites and login sessions of viewers; "viewer invite" and "viewer revoke" change it',
  ),
  certificateWarningDays: setting(
    integer(0, 3650),
    '30',
    'days before the certificate of a device expires from which the log warns about it, once a day; 0: never',
  ),
  adminSocket: setting(
    orOff(path),
    undefined,
    'Unix socket for commands such as "wott-gateway clients"; only the user that runs the gateway can connect; or off [admin.sock in the folder of WOTT_BROKER=file:, otherwise in the folder of WOTT_VIEWERS_FILE]',
  ),
} as const
