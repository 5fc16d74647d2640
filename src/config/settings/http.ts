import { section, setting } from '../setting.ts'
import { MiB } from '../units.ts'
import { hostNames } from '../values/network.ts'
import { bytes, integer, secondsAsMs } from '../values/plain.ts'

/** The limits of HTTP requests: `config.http`. */
export const HTTP_SETTINGS = section('HTTP requests', 'operations.md#limits', {
  requestTimeoutMs: setting(
    'requestTimeout',
    secondsAsMs(1, 3600),
    '30',
    'seconds that an HTTP request may take to arrive, headers and body together',
  ),
  bytesPerExtraSecond: setting(
    'requestRate',
    bytes(0, 1024 * MiB),
    '4KiB',
    'extra time for large requests and answers: one more second for each SIZE of data; 0: no extra time',
  ),
  stallMs: setting(
    'streamStall',
    secondsAsMs(1, 3600),
    '30',
    'seconds that a client, over HTTP or MQTT, may read nothing while data waits for it, before it is disconnected',
  ),
  maxRequestsPerConnection: setting(
    'maxRequestsPerConnection',
    integer(1, 1_000_000_000),
    '100000',
    'HTTP requests after which a connection is closed; the client then opens a new one',
  ),
  strangerRequestRate: setting(
    'strangerRequestRate',
    integer(0, 1_000_000),
    '100',
    'requests per second from one address to the enrol door, or to the viewer door without a session; bursts may be five times as large (429 beyond); 0: no limit',
  ),
  inviteGuesses: setting(
    'inviteGuesses',
    integer(1, 1_000_000),
    '60',
    'invites per minute that one address may try on the viewer door, and wrong invites on the enrol door (429 beyond)',
  ),
  opsHosts: setting(
    'opsHosts',
    hostNames,
    undefined,
    'host names with a dot that the ops door accepts in requests, separated by commas; IP addresses and names without a dot are always accepted',
  ),
})
