import { required, section, setting } from '../setting.ts'
import { orOff } from '../values/parse.ts'
import { integer, path } from '../values/plain.ts'

/** Who may do what: `config.access`. */
export const ACCESS_SETTINGS = section('Rights, people and operators', 'access.md', {
  aclFile: required(
    'aclFile',
    path,
    'Mosquitto ACL file (acl_file): who may publish and read what',
  ),
  viewersFile: setting(
    'viewersFile',
    path,
    'data/viewers.json',
    'file with the invites and login sessions of viewers; "viewer invite" and "viewer revoke" change it',
  ),
  certificateWarningDays: setting(
    'certificateWarningDays',
    integer(0, 3650),
    '30',
    'days before the certificate of a device expires from which the log warns about it, once a day; 0: never',
  ),
  adminSocket: setting(
    'adminSocket',
    orOff(path),
    undefined,
    'Unix socket for commands such as "wott-gateway clients"; only the user that runs the gateway can connect; or off [admin.sock in the folder of WOTT_BROKER=file:, otherwise in the folder of WOTT_VIEWERS_FILE]',
  ),
})
