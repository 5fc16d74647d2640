import { setting } from '../setting.ts'
import { urlPath } from '../values/network.ts'
import { integer } from '../values/plain.ts'

/** As a function (AWS Lambda). */
export const FUNCTION_SETTINGS = {
  functionWait: setting(
    integer(1, 600_000),
    '1500',
    'in a function: milliseconds that a request waits for the connection to the broker (503 beyond)',
  ),
  functionReload: setting(
    integer(0, 86_400),
    '10',
    'in a function: seconds between two checks whether the ACL file or the certificates have changed',
  ),
  functionBasePath: setting(
    urlPath,
    undefined,
    'in a function: path prefix that an API mapping adds to every path [none]',
  ),
} as const
