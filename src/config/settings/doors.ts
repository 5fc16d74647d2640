import { setting } from '../setting.ts'
import { hostNames, listenAddress } from '../values/network.ts'

/** Doors. */
export const DOORS_SETTINGS = {
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
} as const
