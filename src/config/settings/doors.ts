import type { Door } from '../../door-table.ts'
import { type Setting, section, setting } from '../setting.ts'
import { listenAddress, proxyAddress } from '../values/network.ts'

/** Where each door listens: `config.doors`. */
export const DOORS_SETTINGS = section('Doors', '../README.md#the-doors', {
  device: setting(
    'deviceListen',
    listenAddress,
    '[::]:8443',
    'device door: HTTPS, and MQTT over WebSocket',
  ),
  proxy: setting(
    'proxyListen',
    proxyAddress,
    'off',
    'proxy door: requests of devices whose mTLS ends in a trusted proxy. HTTPS with a client certificate of the proxy, or plain HTTP on a Unix socket that only this user and group can open [:PORT if WOTT_PROXY_TRUST=platform and PORT is set]',
  ),
  mqtt: setting('mqttListen', listenAddress, '[::]:8883', 'mqtt door: MQTT over TLS'),
  viewer: setting(
    'viewerListen',
    listenAddress,
    '[::]:9443',
    'viewer door: the dashboard, for browsers',
  ),
  ops: setting(
    'opsListen',
    listenAddress,
    '127.0.0.1:9464',
    'ops door: metrics and health checks, without TLS',
  ),
  enrol: setting(
    'enrolListen',
    listenAddress,
    '[::]:8444',
    'enrol door, of "wott-gateway enrol": where devices get and renew their certificates',
  ),
  'enrol-ops': setting(
    'enrolOpsListen',
    listenAddress,
    '127.0.0.1:9465',
    'ops door of "wott-gateway enrol": metrics and health checks, without TLS',
  ),
} satisfies Record<Door, Setting>)
