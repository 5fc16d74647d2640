import { setting } from '../setting.ts'
import { listenAddress } from '../values/network.ts'
import { choice, integer } from '../values/plain.ts'

/** The enrol door. */
export const ENROL_DOOR_SETTINGS = {
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
} as const
