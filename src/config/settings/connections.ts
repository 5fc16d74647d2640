import { derived, section, setting } from '../setting.ts'
import { integer } from '../values/plain.ts'

/** The limits of each door: `config.connections`. */
export const CONNECTIONS_SETTINGS = section('Connections and handshakes', 'operations.md#limits', {
  maxConnections: setting(
    'maxConnections',
    integer(1, 1_000_000),
    '10000',
    'maximum number of open connections on one door; on doors with TLS, of identified devices and viewers',
  ),
  maxConnectionsPerDevice: derived(
    'maxConnectionsPerDevice',
    integer(1, 1_000_000),
    (value) => Math.ceil(value<number>('maxConnections') / 4),
    'maximum number of open connections of one device or viewer on one door; on the proxy door, of its open requests and WebSockets [a quarter of WOTT_MAX_CONNECTIONS]',
  ),
  maxStrangers: setting(
    'maxStrangers',
    integer(1, 1_000_000),
    '1000',
    'maximum number of additional connections on one door that are not identified yet; beyond it the oldest is closed',
  ),
  maxStrangersPerAddress: setting(
    'maxStrangersPerAddress',
    integer(1, 1_000_000),
    '500',
    'maximum number of connections that are not identified yet from one address (IPv6: one /64)',
  ),
  handshakeRate: setting(
    'handshakeRate',
    integer(0, 1_000_000),
    '500',
    'TLS handshakes per second on all doors together; others wait, each address in turn; 0: no limit',
  ),
  handshakeRatePerAddress: setting(
    'handshakeRatePerAddress',
    integer(0, 1_000_000),
    '100',
    'TLS handshakes per second with one address (IPv6: one /64); 0: no limit',
  ),
})
