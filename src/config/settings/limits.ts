import { setting } from '../setting.ts'
import { KiB, MiB } from '../units.ts'
import { bytes, integer } from '../values/plain.ts'

/** Limits of devices, connections and requests. */
export const LIMITS_SETTINGS = {
  maxPayload: setting(bytes(1, 64 * MiB), '128KiB', 'maximum payload of one message'),
  memoryBytes: setting(
    bytes(MiB),
    '128MiB',
    'maximum memory that requests, connections and sessions of all devices and viewers may use together (queues, retained messages and history have their own limits); a quarter is reserved for those that use little',
  ),
  memoryBytesPerDevice: setting(
    bytes(64 * KiB),
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
} as const
