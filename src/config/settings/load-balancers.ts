import { setting } from '../setting.ts'
import { networks } from '../values/network.ts'
import { choice, listOf } from '../values/plain.ts'

/** Behind a TCP load balancer. */
export const LOAD_BALANCERS_SETTINGS = {
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
} as const
