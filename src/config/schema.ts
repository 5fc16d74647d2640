import { type Setting, setting } from './setting.ts'
import { uplinkSettings } from './uplink.ts'
import {
  bridgeTopics,
  brokerAddress,
  brokerUrls,
  bytes,
  choice,
  cipherList,
  commandTopics,
  headerName,
  hostNames,
  idPattern,
  integer,
  listenAddress,
  listOf,
  networks,
  orOff,
  path,
  proxyAddress,
  text,
  topicFilters,
  topicName,
  topicOfDevice,
  topicTemplate,
  urlPath,
} from './values.ts'

const KiB = 1024
const MiB = 1024 * KiB

/** Every setting of `serve` and `enrol`, once: types, environment variables, flags, help and docs come from here. */
export const SETTINGS = {
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
  broker: setting(
    brokerAddress,
    'file:./data',
    'where messages are kept: file:PATH, a folder that survives restarts and crashes; memory:, lost when the gateway stops; or mqtts://HOST:PORT, another MQTT broker that messages are relayed to',
  ),
  fsync: setting(
    choice('always', 'interval', 'never'),
    'always',
    'when file: flushes a message to the disk: always, before the message is acknowledged; interval, within about a second; never, when the operating system decides. With interval and never a power cut can lose acknowledged messages; a crash of the gateway cannot',
  ),
  ...uplinkSettings('broker', {
    to: 'the broker in WOTT_BROKER',
    clientId: 'wott-gateway- and random letters, new at each start',
    late: 'then the device gets 503',
    full: 'beyond it devices get 503',
    timeout: '5',
    pending: '10000',
    pendingBytes: '64MiB',
  }),
  brokerIdProperty: setting(
    orOff(text(1, 200)),
    'wott-id',
    'MQTT 5 user property that carries the WoTT ID of the device to the broker in WOTT_BROKER; off: not sent',
  ),
  brokerSubscribe: setting(
    orOff(topicFilters),
    '#',
    'topics of the broker in WOTT_BROKER that metrics and history follow: filters separated by commas; off: none',
  ),
  brokerSubscriptions: setting(
    integer(1, 100_000),
    '1000',
    'maximum number of subscriptions at the broker in WOTT_BROKER; a reader that needs one more is refused',
  ),
  brokerRelease: setting(
    integer(1, 86_400),
    '60',
    'seconds that a subscription at the broker in WOTT_BROKER is kept after its last reader has left; a refused subscription is tried again after the same time',
  ),
  brokerSettle: setting(
    integer(10, 60_000),
    '250',
    'milliseconds without another retained message from the broker in WOTT_BROKER after which the gateway assumes that it has received them all',
  ),
  brokerQuarantine: setting(
    integer(0, 86_400),
    '600',
    'maximum number of seconds that a device publishes over a separate connection to the broker in WOTT_BROKER, after one of its messages has (or may have) made that broker close the connection; 0: never',
  ),
  bridge: setting(
    brokerUrls,
    undefined,
    'MQTT broker at the other end of a bridge, mqtts://HOST:PORT: messages are kept here (WOTT_BROKER=file:) and passed on in order when that broker can be reached',
  ),
  bridgeTopics: setting(
    bridgeTopics,
    '# out 1',
    'topics that the bridge passes on, as topic lines of a mosquitto.conf separated by semicolons: pattern; direction (out to the other broker, in from it, or both); QoS 0 or 1; prefix here; prefix there ("" for none)',
  ),
  ...uplinkSettings('bridge', {
    to: 'the broker in WOTT_BRIDGE',
    clientId: "bridge- and the name in the gateway's own certificate",
    late: 'then it is sent again',
    full: 'others wait in the log',
    timeout: '10',
    pending: '1000',
    pendingBytes: '4MiB',
  }),
  bridgeSession: setting(
    choice('kept', 'clean'),
    'kept',
    'whether the other broker keeps messages for the bridge while there is no connection: kept or clean',
  ),
  bridgeBit: setting(
    choice('on', 'off'),
    'on',
    'whether an MQTT 3.1.1 broker is told, as Mosquitto does, that this connection is a bridge, so that it does not send back what came from here; off for a broker that refuses such a connection',
  ),
  bridgeRetain: setting(
    choice('keep', 'clear'),
    'keep',
    'whether retained messages are also retained at the other broker: keep or clear',
  ),
  bridgeIdProperty: setting(
    orOff(text(1, 200)),
    'wott-id',
    'MQTT 5 user property that carries the WoTT ID of the device over the bridge; off: not sent',
  ),
  deviceListen: setting(listenAddress, '[::]:8443', 'device door: HTTPS, and MQTT over WebSocket'),
  mqttListen: setting(listenAddress, '[::]:8883', 'mqtt door: MQTT over TLS'),
  viewerListen: setting(listenAddress, '[::]:9443', 'viewer door: the dashboard, for browsers'),
  opsListen: setting(
    listenAddress,
    '127.0.0.1:9464',
    'ops door: metrics and health checks, without TLS',
  ),
  opsHosts: setting(
    hostNames,
    undefined,
    'host names with a dot that the ops door accepts in requests, separated by commas; IP addresses and names without a dot are always accepted',
  ),
  proxyListen: setting(
    proxyAddress,
    'off',
    'proxy door: requests of devices whose mTLS ends in a trusted proxy. HTTPS with a client certificate of the proxy, or plain HTTP on a Unix socket that only this user and group can open [:PORT if WOTT_PROXY_TRUST=platform and PORT is set]',
  ),
  proxyTrust: setting(
    choice('certificate', 'platform'),
    'certificate',
    'how the gateway recognises the proxy over TCP: by its client certificate; or platform: not at all. With platform the door speaks HTTP without TLS, and anyone who can connect can impersonate any device, so the platform must let in only its own front end',
  ),
  proxyIdentity: setting(
    choice('rfc9440', 'xfcc', 'nginx', 'traefik', 'alb', 'cloudflare', 'gcp', 'azure', 'aws-apigw'),
    undefined,
    'format in which the proxy passes on the certificate of a device: rfc9440, xfcc, nginx, traefik, alb, cloudflare, gcp, azure, or aws-apigw (only in a function). The gateway verifies the certificate again (docs/behind-a-proxy.md)',
  ),
  proxyCertHeader: setting(
    headerName,
    undefined,
    'header with the certificate of the device, for formats that do not name it [nginx: x-ssl-client-cert, alb: x-amzn-mtls-clientcert-leaf]',
  ),
  proxyVerifyHeader: setting(
    headerName,
    undefined,
    "header with nginx's verification result [x-ssl-client-verify]",
  ),
  proxyChainHeader: setting(
    headerName,
    undefined,
    'header with the intermediate certificates that the device sent (format gcp)',
  ),
  proxyCaFile: setting(
    path,
    undefined,
    'CA certificates that sign the certificate of the proxy; must not be the CA of devices',
  ),
  proxyCrlFile: setting(
    path,
    undefined,
    'certificate revocation lists of the CA of the proxy; if not set, its revocation is not checked',
  ),
  proxyName: setting(text(1, 253), undefined, 'CN of the certificate of the proxy'),
  proxyAddresses: setting(
    networks,
    undefined,
    'addresses that the proxy may connect from, in addition to its certificate [any]',
  ),
  proxyHeaderBytes: setting(
    bytes(KiB, 128 * KiB),
    '32KiB',
    'maximum size of the headers with the certificate and its chain in one request',
  ),
  maxProxyConnections: setting(
    integer(1, 1_000_000),
    undefined,
    'maximum number of connections from the proxy; with HTTP/1.1 each request, stream and WebSocket needs one [WOTT_MAX_CONNECTIONS]',
  ),
  enrolListen: setting(
    listenAddress,
    '[::]:8444',
    'enrol door, of "wott-gateway enrol": where devices get and renew their certificates',
  ),
  enrolOpsListen: setting(
    listenAddress,
    '127.0.0.1:9465',
    'ops door of "wott-gateway enrol": metrics and health checks, without TLS',
  ),
  enrolDays: setting(
    integer(1, 3650),
    '30',
    'days that a certificate from the enrol door is valid; devices renew it after two thirds of that time',
  ),
  enrolApproval: setting(
    choice('on', 'off'),
    'on',
    'whether a device without an invite may ask for a certificate and wait until "wott-gateway device approve" accepts it',
  ),
  proxyProtocol: setting(
    choice('off', 'v1', 'v2', 'any'),
    'off',
    'version of the PROXY protocol that a TCP load balancer uses to pass on the addresses of clients; with it only load balancers can connect',
  ),
  proxyProtocolFrom: setting(
    networks,
    undefined,
    'addresses of the load balancers; all others are refused, so that no client can claim the address of another',
  ),
  proxyProtocolDoors: setting(
    listOf('device', 'mqtt', 'viewer', 'enrol'),
    'device,mqtt',
    'doors that are behind the load balancers',
  ),
  proxyProtocolTimeout: setting(
    integer(1, 3600),
    '3',
    'seconds that a load balancer may take to send the PROXY header of a connection',
  ),
  proxyProtocolPending: setting(
    integer(1, 1_000_000),
    '1000',
    'maximum number of load balancer connections on one door that have not sent their PROXY header yet; beyond it the oldest is closed',
  ),
  maxPayload: setting(bytes(1, 64 * MiB), '128KiB', 'maximum payload of one message'),
  memoryBytes: setting(
    bytes(MiB, 64 * 1024 * MiB),
    '128MiB',
    'maximum memory that requests, connections and sessions of all devices and viewers may use together (queues, retained messages and history have their own limits); a quarter is reserved for those that use little',
  ),
  memoryBytesPerDevice: setting(
    bytes(64 * KiB, 64 * 1024 * MiB),
    '32MiB',
    'maximum share of WOTT_MEMORY_BYTES for one device or viewer: unfinished requests and answers, packets, data waiting for its readers, sessions, filters and wills',
  ),
  publishRate: setting(
    integer(0, 1_000_000),
    '1000',
    'messages per second that one device may publish on average. Over HTTP more is refused (429); over MQTT the device is slowed down. Refused messages and wills count too; each further KiB of topic and properties, and each further 4 KiB of payload, counts as one more message; 0: no limit',
  ),
  publishBurst: setting(
    integer(1, 10_000_000),
    '2000',
    'messages that one device may publish at once',
  ),
  maxConnections: setting(
    integer(1, 1_000_000),
    '10000',
    'maximum number of open connections on one door; on doors with TLS, of identified devices and viewers',
  ),
  maxConnectionsPerDevice: setting(
    integer(1, 1_000_000),
    undefined,
    'maximum number of open connections of one device or viewer on one door; on the proxy door, of its open requests and WebSockets [a quarter of WOTT_MAX_CONNECTIONS]',
  ),
  maxStrangers: setting(
    integer(1, 1_000_000),
    '1000',
    'maximum number of additional connections on one door that are not identified yet; beyond it the oldest is closed',
  ),
  maxStrangersPerAddress: setting(
    integer(1, 1_000_000),
    '500',
    'maximum number of connections that are not identified yet from one address (IPv6: one /64)',
  ),
  handshakeRate: setting(
    integer(0, 1_000_000),
    '500',
    'TLS handshakes per second on all doors together; others wait, each address in turn; 0: no limit',
  ),
  handshakeRatePerAddress: setting(
    integer(0, 1_000_000),
    '100',
    'TLS handshakes per second with one address (IPv6: one /64); 0: no limit',
  ),
  rememberedCertificates: setting(
    integer(1, 1_000_000),
    '10000',
    'number of verified client certificates that are remembered, so that they are not verified again for each connection (behind a proxy: for each request)',
  ),
  requestTimeout: setting(
    integer(1, 3600),
    '30',
    'seconds that an HTTP request may take to arrive, headers and body together',
  ),
  requestRate: setting(
    bytes(0, 1024 * MiB),
    '4KiB',
    'extra time for large requests and answers: one more second for each SIZE of data; 0: no extra time',
  ),
  maxRequestsPerConnection: setting(
    integer(1, 1_000_000_000),
    '100000',
    'HTTP requests after which a connection is closed; the client then opens a new one',
  ),
  streamResetBurst: setting(
    integer(1, 1_000_000),
    '100',
    'requests that one HTTP/2 connection may cancel at once before it is closed',
  ),
  streamResetRate: setting(
    integer(1, 1_000_000),
    '33',
    'requests per second that one HTTP/2 connection may cancel on average',
  ),
  strangerRequestRate: setting(
    integer(0, 1_000_000),
    '100',
    'requests per second from one address to the enrol door, or to the viewer door without a session; bursts may be five times as large (429 beyond); 0: no limit',
  ),
  inviteGuesses: setting(
    integer(1, 1_000_000),
    '60',
    'invites per minute that one address may try on the viewer door, and wrong invites on the enrol door (429 beyond)',
  ),
  history: setting(
    integer(0, 10_000_000),
    '10000',
    'number of newest messages kept in memory for streams; lastEventId=earliest starts with them, older ones are read from the log',
  ),
  historyAge: setting(
    integer(60, 3_153_600_000),
    '604800',
    'seconds that a message is kept; retained messages, and messages that wait for a session, are kept longer',
  ),
  historyBytes: setting(
    bytes(0, 64 * 1024 * MiB),
    undefined,
    'maximum size of all messages kept, counting 100 bytes more for each [1GiB in file:, 64MiB in memory:]',
  ),
  historyBytesPerDevice: setting(
    bytes(0, 64 * 1024 * MiB),
    undefined,
    'maximum size of the messages of one device that are kept [half of WOTT_HISTORY_BYTES]',
  ),
  topicTtl: setting(
    integer(60, 3_153_600_000),
    '2592000',
    'seconds that the latest message of each topic is kept, however much is published to other topics',
  ),
  maxTopics: setting(
    integer(0, 10_000_000),
    '100000',
    'maximum number of topics whose latest message is kept for WOTT_TOPIC_TTL; one device may use half of them',
  ),
  maxStreams: setting(integer(0, 1_000_000), '1000', 'maximum number of open event streams'),
  streamBuffer: setting(
    bytes(KiB, 1024 * MiB),
    '1MiB',
    'bytes that may wait for a slow stream reader before it is disconnected',
  ),
  maxStreamsPerReader: setting(
    integer(0, 1_000_000),
    '100',
    'maximum number of open event streams of one device or viewer',
  ),
  streamStall: setting(
    integer(1, 3600),
    '30',
    'seconds that a client may read nothing while data waits for it, before it is disconnected',
  ),
  commandTopic: setting(
    orOff(commandTopics),
    'cmd/%u/#',
    'topics whose messages wait for a device that polls for commands over HTTP: filters separated by commas, each with %u (the WoTT ID) as a level; off: none',
  ),
  maxPolls: setting(
    integer(0, 1_000_000),
    '1000',
    'maximum number of requests that wait for commands',
  ),
  maxPollsPerDevice: setting(
    integer(0, 1_000_000),
    '4',
    'maximum number of requests of one device that wait for commands',
  ),
  maxPollWait: setting(
    integer(0, 3_600),
    '60',
    'maximum number of seconds that a request may wait for a command',
  ),
  clientBuffer: setting(
    bytes(16 * KiB, 1024 * MiB),
    '4MiB',
    'bytes that may wait for one MQTT subscriber; beyond them QoS 0 messages are dropped, and a QoS 1 message disconnects it',
  ),
  maxInflight: setting(
    integer(1, 65_535),
    '100',
    'maximum number of unacknowledged QoS 1 and 2 messages to one persistent MQTT session',
  ),
  receiveMaximum: setting(
    integer(1, 65_535),
    '1000',
    'maximum number of QoS 1 and 2 messages from one MQTT 5 client that are not acknowledged yet',
  ),
  topicAliasMaximum: setting(
    integer(0, 65_535),
    '100',
    'maximum number of topic aliases that one MQTT 5 client may set',
  ),
  topicAliasesOut: setting(
    integer(0, 65_535),
    '0',
    'maximum number of topic aliases that the gateway sets for one MQTT 5 client; with mqtt.js 5.16 leave this at 0, because it loses the topic of QoS 2 messages that use one',
  ),
  maxKeepAlive: setting(
    integer(0, 65_535),
    '0',
    'longest keep alive of MQTT 5 clients, in seconds; clients that ask for more, or for none, are told to use this one; 0: no limit',
  ),
  maxSubscriptions: setting(
    integer(1, 100_000),
    '1000',
    'maximum number of filters of one MQTT session',
  ),
  connectTimeout: setting(
    integer(1, 3600),
    '10',
    'seconds that an MQTT client may take to send CONNECT after the TLS handshake',
  ),
  packetTimeout: setting(integer(1, 3600), '30', 'seconds that one MQTT packet may take to arrive'),
  subscribe: setting(
    choice('grant', 'check'),
    'grant',
    'the reply to a SUBSCRIBE that no ACL rule can match: grant it, as Mosquitto does, or check and refuse it (0x87; 0x80 before MQTT 5)',
  ),
  sessionQueue: setting(
    integer(1, 10_000_000),
    '1000',
    'maximum number of QoS 1 and 2 messages that wait for one session',
  ),
  sessionQueueBytes: setting(
    bytes(KiB, 1024 * MiB),
    '16MiB',
    'maximum size of the messages that wait for one session',
  ),
  sessionQueueFull: setting(
    choice('drop-oldest', 'refuse'),
    'drop-oldest',
    'what happens when the queue of a session is full: drop its oldest unsent message, or refuse the new message',
  ),
  queueBytes: setting(
    bytes(KiB, 64 * 1024 * MiB),
    '128MiB',
    'maximum size of the messages that wait for all sessions together',
  ),
  queueBytesPerDevice: setting(
    bytes(KiB, 64 * 1024 * MiB),
    '64MiB',
    'maximum size of the messages that wait for all sessions of one device',
  ),
  maxSessions: setting(integer(1, 10_000_000), '10000', 'maximum number of persistent sessions'),
  maxSessionsPerDevice: setting(
    integer(1, 10_000_000),
    '5000',
    'maximum number of persistent sessions of one device',
  ),
  sessionExpiry: setting(
    integer(60, 315_360_000),
    '604800',
    'seconds that a session is kept after its last connection has closed: for MQTT 3 clients always, for MQTT 5 clients the most they may ask for',
  ),
  messageExpiry: setting(
    integer(60, 315_360_000),
    '604800',
    'maximum number of seconds that a message waits for a session',
  ),
  countedDowntime: setting(
    integer(0, 315_360_000),
    '86400',
    'maximum number of seconds without a running gateway that count towards the expiry of messages and sessions; a limit is needed because the system clock may have been changed meanwhile',
  ),
  maxRetained: setting(integer(0, 10_000_000), '100000', 'maximum number of retained messages'),
  retainedBytes: setting(
    bytes(KiB, 64 * 1024 * MiB),
    '128MiB',
    'maximum size of all retained messages',
  ),
  retainedBytesPerDevice: setting(
    bytes(KiB, 64 * 1024 * MiB),
    '64MiB',
    'maximum size of the retained messages that one device has published',
  ),
  readingPast: setting(
    integer(0, 315_360_000),
    '2592000',
    'seconds that the measuring time of a reading may lie before its arrival',
  ),
  readingFuture: setting(
    integer(0, 31_536_000),
    '300',
    'seconds that the measuring time of a reading may lie after its arrival, for devices whose clock is ahead',
  ),
  idempotencyTtl: setting(
    integer(60, 31_536_000),
    '86400',
    'seconds that an Idempotency-Key is remembered, so that a repeated request does not publish again',
  ),
  idempotencyKeys: setting(
    integer(1, 10_000_000),
    '100000',
    'maximum number of Idempotency-Keys that are remembered; beyond it the oldest are dropped, those of the same device first',
  ),
  idempotencyKeysPerDevice: setting(
    integer(1, 10_000_000),
    undefined,
    'maximum number of Idempotency-Keys of one device [a quarter of WOTT_IDEMPOTENCY_KEYS]',
  ),
  idempotencyBytes: setting(
    bytes(64 * KiB, 64 * 1024 * MiB),
    '64MiB',
    'maximum size of all Idempotency-Keys and their stored answers',
  ),
  idempotencyBytesPerDevice: setting(
    bytes(16 * KiB, 64 * 1024 * MiB),
    undefined,
    'maximum size of the Idempotency-Keys and answers of one device [a quarter of WOTT_IDEMPOTENCY_BYTES]',
  ),
  influxTopic: setting(
    topicTemplate,
    '{device}/{measurement}/{tags}/{field}',
    'topic of each value in InfluxDB line protocol: {device} is the WoTT ID, {tag:NAME} the value of a tag, {tag:NAME?} the same but omitted if there is no such tag, {tags} one level NAME=VALUE for each remaining tag; without {field} all fields of a line become one JSON message',
  ),
  influxRetain: setting(
    choice('on', 'off'),
    'off',
    'whether messages from InfluxDB line protocol are retained',
  ),
  readingTtl: setting(
    integer(1, 31_536_000),
    '3600',
    'seconds after which the last reading of a silent device is removed from the metrics',
  ),
  readingSeries: setting(
    integer(0, 1_000_000),
    '1000',
    'maximum number of readings (device and topic) in the metrics',
  ),
  readingSeriesPerDevice: setting(
    integer(0, 1_000_000),
    undefined,
    'maximum number of readings of one device in the metrics [a quarter of WOTT_READING_SERIES]',
  ),
  // the store closes after it, and "docker stop" and most platforms kill after 10 seconds
  drainSeconds: setting(
    integer(0, 3600),
    '8',
    'seconds that a stopping gateway gives open requests and connections to finish',
  ),
  logLevel: setting(
    choice('error', 'warn', 'info', 'debug'),
    'info',
    'write log lines of this level and above',
  ),
  functionWait: setting(
    integer(1, 600_000),
    '1500',
    'in a function: milliseconds that a request waits for the connection to the broker (503 beyond)',
  ),
  functionReload: setting(
    integer(0, 86_400),
    '10',
    'in a function: seconds between two checks whether the ACL file or the certificates have changed',
  ),
  functionBasePath: setting(
    urlPath,
    undefined,
    'in a function: path prefix that an API mapping adds to every path [none]',
  ),
} as const

export type SettingName = keyof typeof SETTINGS
export type Settings = {
  readonly [N in SettingName]: (typeof SETTINGS)[N] extends Setting<infer T> ? T : never
}

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[]

/** `deviceListen` → `WOTT_DEVICE_LISTEN` */
export function environmentName(name: SettingName): string {
  return `WOTT_${kebab(name).replaceAll('-', '_').toUpperCase()}`
}

/** `deviceListen` → `device-listen`, typed as `--device-listen` */
export function flagName(name: SettingName): string {
  return kebab(name)
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
