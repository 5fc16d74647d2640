import { doorsWith } from '../../door-table.ts'
import { section, setting } from '../setting.ts'
import { networks } from '../values/network.ts'
import { choice, listOf } from '../values/plain.ts'

/** Load balancers that use the PROXY protocol: `config.balancers`. */
export const BALANCERS_SETTINGS = section(
  'Behind a TCP load balancer',
  'deploying.md#behind-a-tcp-load-balancer',
  {
    version: setting(
      'proxyProtocol',
      choice('off', 'v1', 'v2', 'any'),
      'off',
      'version of the PROXY protocol that a TCP load balancer uses to pass on the addresses of clients; with it only load balancers can connect',
    ),
    from: setting(
      'proxyProtocolFrom',
      networks,
      undefined,
      'addresses of the load balancers; all others are refused, so that no client can claim the address of another',
    ),
    doors: setting(
      'proxyProtocolDoors',
      listOf(...doorsWith({ takesBalancers: true })),
      'device,mqtt',
      'doors that are behind the load balancers',
    ),
  },
)
