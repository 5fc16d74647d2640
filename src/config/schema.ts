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
    'folder that holds ca.crt, client.crt and client.key, as the WoTT agent lays them out',
  ),
  caFile: setting(
    path,
    undefined,
    'CA certificates that device certificates must descend from, in a file or in a folder as "openssl rehash" leaves it [ca.crt in the certs dir]',
  ),
  certFile: setting(
    path,
    undefined,
    "the gateway's own certificate and its chain [client.crt in the certs dir]",
  ),
  keyFile: setting(path, undefined, "the gateway's private key [client.key in the certs dir]"),
  crlFile: setting(
    path,
    undefined,
    'certificate revocation lists, PEM or DER, of every CA that issues devices; no list, no revocation',
  ),
  crlExpired: setting(
    choice('refuse', 'allow'),
    'refuse',
    'whether a revocation list that should have been renewed shuts out the devices of its CA, or still says who is revoked',
  ),
  aclFile: setting(
    path,
    undefined,
    'Mosquitto acl_file that decides who may publish and read what',
  ),
  topicsFile: setting(
    path,
    undefined,
    'file with the names, units, limits and longest silences of topics',
  ),
  silence: setting(
    orOff(integer(1, 31_622_400)),
    'off',
    'seconds without a message after which a topic of a device is silent, where the topics file does not say; off for never',
  ),
  statusTopic: setting(
    topicOfDevice,
    'status/%u',
    'topic where "online" or "offline" is retained for a device, with %u for its WoTT ID; that of each of its topics is below',
  ),
  silenceTopics: setting(
    integer(0, 1_000_000),
    '10000',
    'topics (of a device each) that are watched for silence, at most',
  ),
  silenceTopicsPerDevice: setting(integer(0, 1_000_000), '1000', 'of one device'),
  homeAssistant: setting(
    orOff(topicName),
    'off',
    "Home Assistant's discovery prefix (homeassistant) to announce the topics of the topics file under; off for none",
  ),
  homeAssistantSensors: setting(
    integer(0, 100_000),
    '1000',
    'numbers that are announced to Home Assistant, at most',
  ),
  mosquittoConf: setting(
    path,
    undefined,
    "an existing Mosquitto's mosquitto.conf to take settings from; flags and variables win over it",
  ),
  tlsVersion: setting(choice('1.2', '1.3'), '1.2', 'lowest TLS version of every door'),
  ciphers: setting(
    cipherList,
    undefined,
    "cipher suites of every door, by OpenSSL's names with colons between them [Node's own list]",
  ),
  idPattern: setting(
    idPattern,
    '^[A-Za-z0-9][A-Za-z0-9._-]*$',
    'what a WoTT ID (the certificate CN) looks like, without references to groups and without looking ahead or behind',
  ),
  viewersFile: setting(
    path,
    'data/viewers.json',
    'who was invited to look, and who is logged in: what viewer invite and viewer revoke change',
  ),
  certificateWarningDays: setting(
    integer(0, 3650),
    '30',
    'days before its end from which on the log names the certificate of a device, once a day; 0 for never',
  ),
  adminSocket: setting(
    orOff(path),
    undefined,
    'Unix socket that wott-gateway clients asks, for the user of the gateway alone; or off [admin.sock in the folder of WOTT_BROKER=file:, else in that of WOTT_VIEWERS_FILE]',
  ),
  broker: setting(
    brokerAddress,
    'file:./data',
    'where messages are kept: file:PATH, a folder that survives restarts and crashes, or memory:; or the MQTT broker that they are relayed to, mqtts://HOST:PORT',
  ),
  fsync: setting(
    choice('always', 'interval', 'never'),
    'always',
    'when file: has a message on disk: before it is acknowledged, within about a second, or when the system likes (a power cut then loses what was acknowledged; a crash of the gateway never does)',
  ),
  ...uplinkSettings('broker', {
    to: 'the broker that WOTT_BROKER=mqtts://… names',
    clientId: 'wott-gateway- and random letters, new at each start',
    beyond: '503 beyond',
    timeout: '5',
    pending: '10000',
    pendingBytes: '64MiB',
  }),
  brokerIdProperty: setting(
    orOff(text(1, 200)),
    'wott-id',
    'MQTT 5 user property that tells that broker the WoTT ID of the device; off for none',
  ),
  brokerSubscribe: setting(
    orOff(topicFilters),
    '#',
    'topics of that broker that the metrics and the history follow: filters with commas between them; off for none',
  ),
  brokerSubscriptions: setting(
    integer(1, 100_000),
    '1000',
    'subscriptions at that broker, at most; a reader that needs another is refused',
  ),
  brokerRelease: setting(
    integer(1, 86_400),
    '60',
    'seconds that a subscription at that broker is kept after its last reader; one that was refused is asked for again after as many',
  ),
  brokerSettle: setting(
    integer(10, 60_000),
    '250',
    'milliseconds without another retained message after which all that that broker retains is taken to be there',
  ),
  brokerQuarantine: setting(
    integer(0, 86_400),
    '600',
    'seconds at most that a device publishes over a second connection to that broker, after that broker has ended connections over messages of it, or may have; 0 for never',
  ),
  bridge: setting(
    brokerUrls,
    undefined,
    'the MQTT broker at the other end of a bridge, mqtts://HOST:PORT: beside WOTT_BROKER=file:, messages are kept here and passed on in their order when that broker is there',
  ),
  bridgeTopics: setting(
    bridgeTopics,
    '# out 1',
    'what the bridge passes on, as topic lines of a mosquitto.conf with semicolons between them: a pattern; out to the other broker, in from there, or both; QoS 0 or 1; what is in front of the pattern here, and there ("" for nothing)',
  ),
  ...uplinkSettings('bridge', {
    to: 'the broker that WOTT_BRIDGE names',
    clientId: "bridge- and the name in the gateway's own certificate",
    beyond: 'beyond, it is sent again',
    timeout: '10',
    pending: '1000',
    pendingBytes: '4MiB',
  }),
  bridgeSession: setting(
    choice('kept', 'clean'),
    'kept',
    'whether that broker keeps what comes in over the bridge while there is no connection',
  ),
  bridgeBit: setting(
    choice('on', 'off'),
    'on',
    'whether that broker, if it speaks no MQTT 5, is told in the way of Mosquitto that this is a bridge, so that it sends back nothing that came from here; off for a broker that refuses it',
  ),
  bridgeRetain: setting(
    choice('keep', 'clear'),
    'keep',
    'whether messages to that broker are retained there if they are here',
  ),
  bridgeIdProperty: setting(
    orOff(text(1, 200)),
    'wott-id',
    'MQTT 5 user property that tells that broker the WoTT ID of the device; off for none',
  ),
  deviceListen: setting(listenAddress, '[::]:8443', 'device door: HTTPS and MQTT over WebSocket'),
  mqttListen: setting(listenAddress, '[::]:8883', 'mqtt door: MQTT over TLS'),
  viewerListen: setting(listenAddress, '[::]:9443', 'viewer door: browsers'),
  opsListen: setting(listenAddress, '127.0.0.1:9464', 'ops door: metrics and health, without TLS'),
  opsHosts: setting(
    hostNames,
    undefined,
    'names with a dot that the ops door may be asked under, with commas between them; IP addresses and names without a dot always may',
  ),
  proxyListen: setting(
    proxyAddress,
    'off',
    'proxy door: requests of devices whose mTLS ends in a proxy, from that proxy alone; HTTPS with the client certificate of the proxy, or HTTP without TLS on a Unix socket that this user and its group may connect to [:PORT with WOTT_PROXY_TRUST=platform where PORT is set]',
  ),
  proxyTrust: setting(
    choice('certificate', 'platform'),
    'certificate',
    'how the proxy is known over TCP: by its client certificate, or by nothing: then the door speaks HTTP/1.1 and HTTP/2 without TLS, and whoever can connect to it may say to be any device, so that the platform has to keep all but its own front end away',
  ),
  proxyIdentity: setting(
    choice(
      ...(['rfc9440', 'xfcc', 'nginx', 'traefik', 'alb'] as const),
      ...(['cloudflare', 'gcp', 'azure', 'aws-apigw'] as const),
    ),
    undefined,
    'how the proxy passes on the certificate of a device: rfc9440, xfcc, nginx, traefik, alb, cloudflare, gcp, azure, or aws-apigw in a function; it is verified again (docs/behind-a-proxy.md)',
  ),
  proxyCertHeader: setting(
    headerName,
    undefined,
    'header with the certificate, where it has no name of its own [nginx: x-ssl-client-cert, alb: x-amzn-mtls-clientcert-leaf]',
  ),
  proxyVerifyHeader: setting(
    headerName,
    undefined,
    'header with what nginx says of the certificate [x-ssl-client-verify]',
  ),
  proxyChainHeader: setting(
    headerName,
    undefined,
    'header with the certificates that the device sent besides, of gcp',
  ),
  proxyCaFile: setting(
    path,
    undefined,
    'CA certificates that the certificate of the proxy descends from; not those of devices',
  ),
  proxyCrlFile: setting(
    path,
    undefined,
    'certificate revocation lists of that CA; no list, no revocation',
  ),
  proxyName: setting(text(1, 253), undefined, 'CN of the certificate of the proxy'),
  proxyAddresses: setting(
    networks,
    undefined,
    'addresses that the proxy may come from, besides having its certificate [all]',
  ),
  proxyHeaderBytes: setting(
    bytes(KiB, 128 * KiB),
    '32KiB',
    'bytes of the headers with the certificate and its chain in one request',
  ),
  maxProxyConnections: setting(
    integer(1, 1_000_000),
    undefined,
    'connections of the proxy; over HTTP/1.1 each request, stream and WebSocket has one [WOTT_MAX_CONNECTIONS]',
  ),
  enrolListen: setting(
    listenAddress,
    '[::]:8444',
    'enrol door, of "wott-gateway enrol": where devices get and renew their certificates',
  ),
  enrolOpsListen: setting(
    listenAddress,
    '127.0.0.1:9465',
    'ops door of "wott-gateway enrol": metrics and health, without TLS',
  ),
  enrolDays: setting(
    integer(1, 3650),
    '30',
    'days that a certificate from the enrol door is valid; devices renew it after two thirds of them',
  ),
  enrolApproval: setting(
    choice('on', 'off'),
    'on',
    'whether a device without an invite may ask for a certificate and wait until "wott-gateway device approve" lets it have one',
  ),
  proxyProtocol: setting(
    choice('off', 'v1', 'v2', 'any'),
    'off',
    'version of the PROXY protocol in which a TCP load balancer says who its clients are; then only load balancers can connect',
  ),
  proxyProtocolFrom: setting(
    networks,
    undefined,
    'addresses of those load balancers; any other is refused, so that no client can claim the address of another',
  ),
  proxyProtocolDoors: setting(
    listOf('device', 'mqtt', 'viewer', 'enrol'),
    'device,mqtt',
    'doors that are behind them',
  ),
  proxyProtocolTimeout: setting(
    integer(1, 3600),
    '3',
    'seconds that a load balancer may take to send the header of a connection',
  ),
  proxyProtocolPending: setting(
    integer(1, 1_000_000),
    '1000',
    'connections of load balancers that one door keeps open before their header is there; beyond them the oldest one goes',
  ),
  maxPayload: setting(bytes(1, 64 * MiB), '128KiB', 'largest payload of one message'),
  memoryBytes: setting(
    bytes(MiB, 64 * 1024 * MiB),
    '128MiB',
    'bytes of memory that all devices and viewers together may have the gateway hold, besides queues, retained messages and history; a quarter is kept for those that hold little',
  ),
  memoryBytesPerDevice: setting(
    bytes(64 * KiB, 64 * 1024 * MiB),
    '32MiB',
    'bytes of them that one device or viewer may have: requests and answers that are not over, packets, what waits for its readers, sessions, filters and wills',
  ),
  publishRate: setting(
    integer(0, 1_000_000),
    '1000',
    'readings a second that one device may publish in the long run, over HTTP (429 beyond) and MQTT (made to wait); one that is refused counts too, and so do wills, each KiB of topic and properties after the first, and each 4 KiB of payload after the first; 0 for no limit',
  ),
  publishBurst: setting(
    integer(1, 10_000_000),
    '2000',
    'readings that one device may publish at once',
  ),
  maxConnections: setting(
    integer(1, 1_000_000),
    '10000',
    'connections that one door keeps open; on the doors with TLS those of devices and viewers, whose name is known',
  ),
  maxConnectionsPerDevice: setting(
    integer(1, 1_000_000),
    undefined,
    'connections of one device or viewer that one door keeps open, on the proxy door requests and WebSockets under way [a quarter of WOTT_MAX_CONNECTIONS]',
  ),
  maxStrangers: setting(
    integer(1, 1_000_000),
    '1000',
    'connections besides those that one door keeps open whose name is not known yet; beyond them the oldest one goes',
  ),
  maxStrangersPerAddress: setting(
    integer(1, 1_000_000),
    '500',
    'those of them that come from one address (IPv6: from one /64)',
  ),
  handshakeRate: setting(
    integer(0, 1_000_000),
    '500',
    'TLS handshakes a second that are begun on all doors together; others wait, each address in its turn; 0 for no limit',
  ),
  handshakeRatePerAddress: setting(
    integer(0, 1_000_000),
    '100',
    'TLS handshakes a second that are begun with one address (IPv6: one /64); 0 for no limit',
  ),
  rememberedCertificates: setting(
    integer(1, 1_000_000),
    '10000',
    'client certificates that are remembered once they are verified, so that they are not verified again for each connection, or for each request behind a proxy',
  ),
  requestTimeout: setting(
    integer(1, 3600),
    '30',
    'seconds that an HTTP request may take to arrive, its headers and its body',
  ),
  requestRate: setting(
    bytes(0, 1024 * MiB),
    '4KiB',
    'bytes a second of a request or an answer that is large: it gets one more second for each of them; 0 for none',
  ),
  maxRequestsPerConnection: setting(
    integer(1, 1_000_000_000),
    '100000',
    'HTTP requests after which a connection is closed, so that its client opens another',
  ),
  streamResetBurst: setting(
    integer(1, 1_000_000),
    '100',
    'requests that one HTTP/2 connection may cancel at once before it is ended',
  ),
  streamResetRate: setting(
    integer(1, 1_000_000),
    '33',
    'requests a second that one HTTP/2 connection may cancel in the long run',
  ),
  strangerRequestRate: setting(
    integer(0, 1_000_000),
    '100',
    'requests a second that one address may send to the enrol door, or to the viewer door without a session, five times as many at once (429 beyond); 0 for no limit',
  ),
  inviteGuesses: setting(
    integer(1, 1_000_000),
    '60',
    'invites a minute that one address may try on the viewer door, and wrong ones on the enrol door (429 beyond)',
  ),
  history: setting(
    integer(0, 10_000_000),
    '10000',
    'newest messages that are ready for streams: lastEventId=earliest begins with them, the log has the rest',
  ),
  historyAge: setting(
    integer(60, 3_153_600_000),
    '604800',
    'seconds that a message is kept; what is retained or waits for a session stays as long as it does so',
  ),
  historyBytes: setting(
    bytes(0, 64 * 1024 * MiB),
    undefined,
    'bytes of the messages kept, with 100 more for each of them [1GiB in file:, 64MiB in memory:]',
  ),
  historyBytesPerDevice: setting(
    bytes(0, 64 * 1024 * MiB),
    undefined,
    'bytes of the messages of one device that are kept [half of WOTT_HISTORY_BYTES]',
  ),
  topicTtl: setting(
    integer(60, 3_153_600_000),
    '2592000',
    'seconds that the latest message of a topic is kept, however much others send',
  ),
  maxTopics: setting(
    integer(0, 10_000_000),
    '100000',
    'topics whose latest message is kept like that; half of them may be those of one device',
  ),
  maxStreams: setting(integer(0, 1_000_000), '1000', 'event streams open at the same time'),
  streamBuffer: setting(
    bytes(KiB, 1024 * MiB),
    '1MiB',
    'bytes that may wait for one stream reader before it is cut off',
  ),
  maxStreamsPerReader: setting(
    integer(0, 1_000_000),
    '100',
    'event streams that one device or viewer may have open at the same time',
  ),
  streamStall: setting(
    integer(1, 3600),
    '30',
    'seconds that a reader of streams or MQTT may take nothing while it is behind before it is cut off',
  ),
  commandTopic: setting(
    orOff(commandTopics),
    'cmd/%u/#',
    'topics whose messages wait for a device that asks for commands over HTTP: filters with commas between them, each with %u, the WoTT ID, as a level; off for none',
  ),
  maxPolls: setting(
    integer(0, 1_000_000),
    '1000',
    'requests that wait for commands at the same time',
  ),
  maxPollsPerDevice: setting(
    integer(0, 1_000_000),
    '4',
    'requests of one device that wait for commands at the same time',
  ),
  maxPollWait: setting(
    integer(0, 3_600),
    '60',
    'seconds that a request may wait for a command at most',
  ),
  clientBuffer: setting(
    bytes(16 * KiB, 1024 * MiB),
    '4MiB',
    'bytes that may wait for one MQTT subscriber: beyond them QoS 0 is dropped and QoS 1 disconnects',
  ),
  maxInflight: setting(
    integer(1, 65_535),
    '100',
    'QoS 1 and 2 messages that one persistent MQTT session may have without having acknowledged them',
  ),
  receiveMaximum: setting(
    integer(1, 65_535),
    '1000',
    'QoS 1 and 2 messages that one MQTT 5 client may send without waiting for their acknowledgements',
  ),
  topicAliasMaximum: setting(
    integer(0, 65_535),
    '100',
    'topic aliases that one MQTT 5 client may set',
  ),
  topicAliasesOut: setting(
    integer(0, 65_535),
    '0',
    'topic aliases that the gateway sets for one MQTT 5 client, if the client takes them; mqtt.js 5.16 loses the topic of QoS 2 messages that have one',
  ),
  maxKeepAlive: setting(
    integer(0, 65_535),
    '0',
    'longest keep alive of MQTT 5 clients in seconds, which those that ask for more, or for none, are told; 0 for no limit',
  ),
  maxSubscriptions: setting(integer(1, 100_000), '1000', 'filters that one MQTT session may have'),
  connectTimeout: setting(
    integer(1, 3600),
    '10',
    'seconds that a client has after the TLS handshake to send its MQTT CONNECT',
  ),
  packetTimeout: setting(integer(1, 3600), '30', 'seconds that one MQTT packet may take to arrive'),
  subscribe: setting(
    choice('grant', 'check'),
    'grant',
    'what a SUBSCRIBE is answered that no rule could ever fulfil: granted as with Mosquitto, or refused (0x87, before MQTT 5 0x80)',
  ),
  sessionQueue: setting(
    integer(1, 10_000_000),
    '1000',
    'QoS 1 and 2 messages that wait for one session',
  ),
  sessionQueueBytes: setting(bytes(KiB, 1024 * MiB), '16MiB', 'bytes that wait for one session'),
  sessionQueueFull: setting(
    choice('drop-oldest', 'refuse'),
    'drop-oldest',
    'which message a full session queue goes without: its oldest unsent one or the new one',
  ),
  queueBytes: setting(
    bytes(KiB, 64 * 1024 * MiB),
    '128MiB',
    'bytes that wait for all sessions together',
  ),
  queueBytesPerDevice: setting(
    bytes(KiB, 64 * 1024 * MiB),
    '64MiB',
    'bytes that wait for the sessions of one device together',
  ),
  maxSessions: setting(integer(1, 10_000_000), '10000', 'persistent sessions'),
  maxSessionsPerDevice: setting(
    integer(1, 10_000_000),
    '5000',
    'persistent sessions of one device',
  ),
  sessionExpiry: setting(
    integer(60, 315_360_000),
    '604800',
    'seconds that a session outlives its last connection: that of MQTT 3 clients, and the most that MQTT 5 clients may ask for',
  ),
  messageExpiry: setting(
    integer(60, 315_360_000),
    '604800',
    'seconds that a message waits for a session',
  ),
  countedDowntime: setting(
    integer(0, 315_360_000),
    '86400',
    'seconds without a running gateway that count for what waits and expires, at most: only the system clock knows them, and it may have been set',
  ),
  maxRetained: setting(integer(0, 10_000_000), '100000', 'retained messages'),
  retainedBytes: setting(bytes(KiB, 64 * 1024 * MiB), '128MiB', 'bytes of all retained messages'),
  retainedBytesPerDevice: setting(
    bytes(KiB, 64 * 1024 * MiB),
    '64MiB',
    'bytes of the retained messages that one device published',
  ),
  readingPast: setting(
    integer(0, 315_360_000),
    '2592000',
    'seconds that a reading may be older than its arrival, where it says when it was measured',
  ),
  readingFuture: setting(
    integer(0, 31_536_000),
    '300',
    'seconds that it may be newer, as the clock of its device may be fast',
  ),
  idempotencyTtl: setting(
    integer(60, 31_536_000),
    '86400',
    'seconds that an Idempotency-Key is remembered, so that a request that is sent again publishes nothing again',
  ),
  idempotencyKeys: setting(
    integer(1, 10_000_000),
    '100000',
    'such keys that are remembered; beyond them the oldest go, those of the device itself first',
  ),
  idempotencyKeysPerDevice: setting(
    integer(1, 10_000_000),
    undefined,
    'such keys of one device [a quarter of WOTT_IDEMPOTENCY_KEYS]',
  ),
  idempotencyBytes: setting(
    bytes(64 * KiB, 64 * 1024 * MiB),
    '64MiB',
    'bytes of such keys and of the answers that go with them',
  ),
  idempotencyBytesPerDevice: setting(
    bytes(16 * KiB, 64 * 1024 * MiB),
    undefined,
    'bytes of those of one device [a quarter of WOTT_IDEMPOTENCY_BYTES]',
  ),
  influxTopic: setting(
    topicTemplate,
    '{device}/{measurement}/{tags}/{field}',
    'topic of each value that comes in InfluxDB line protocol: {device} is the WoTT ID, {tag:NAME} the value of a tag, {tag:NAME?} a level that is left out without it, {tags} a level NAME=VALUE for each other tag; without {field} all fields of a line are one message in JSON',
  ),
  influxRetain: setting(
    choice('on', 'off'),
    'off',
    'whether what comes in InfluxDB line protocol is retained',
  ),
  readingTtl: setting(
    integer(1, 31_536_000),
    '3600',
    "seconds after which a silent device's last reading leaves the metrics",
  ),
  readingSeries: setting(
    integer(0, 1_000_000),
    '1000',
    'most readings (device and topic) shown in the metrics',
  ),
  readingSeriesPerDevice: setting(
    integer(0, 1_000_000),
    undefined,
    'most readings of one device shown in the metrics [a quarter of WOTT_READING_SERIES]',
  ),
  // the store closes after it, and "docker stop" and most platforms kill after 10 seconds
  drainSeconds: setting(
    integer(0, 3600),
    '8',
    'seconds that a stopping gateway gives to what is in flight',
  ),
  logLevel: setting(
    choice('error', 'warn', 'info', 'debug'),
    'info',
    'least serious log lines to write',
  ),
  functionWait: setting(
    integer(1, 600_000),
    '1500',
    'of a function: milliseconds that a request waits for the connection to the broker (503 beyond)',
  ),
  functionReload: setting(
    integer(0, 86_400),
    '10',
    'of a function: seconds after which a request looks whether the ACL file and the certificates have changed',
  ),
  functionBasePath: setting(
    urlPath,
    undefined,
    'of a function: what an API mapping puts before every path [nothing]',
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
