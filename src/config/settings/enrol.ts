import { section, setting } from '../setting.ts'
import { integer, onOff } from '../values/plain.ts'

/** What the enrol door issues: `config.enrol`. */
export const ENROL_SETTINGS = section('The enrol door', 'devices.md', {
  days: setting(
    'enrolDays',
    integer(1, 3650),
    '30',
    'days that a certificate from the enrol door is valid; devices renew it after two thirds of that time',
  ),
  acceptsUninvited: setting(
    'enrolApproval',
    onOff,
    'on',
    'whether a device without an invite may ask for a certificate and wait until "wott-gateway device approve" accepts it',
  ),
})
