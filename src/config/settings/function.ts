import { section, setting } from '../setting.ts'
import { urlPath } from '../values/network.ts'
import { integer, secondsAsMs } from '../values/plain.ts'

/** A gateway that runs as a function: `config.function`. */
export const FUNCTION_SETTINGS = section('As a function (AWS Lambda)', 'serverless.md#aws-lambda', {
  waitMs: setting(
    'functionWait',
    integer(1, 600_000),
    '1500',
    'in a function: milliseconds that a request waits for the connection to the broker (503 beyond)',
  ),
  reloadMs: setting(
    'functionReload',
    secondsAsMs(0, 86_400),
    '10',
    'in a function: seconds between two checks whether the ACL file or the certificates have changed',
  ),
  basePath: setting(
    'functionBasePath',
    urlPath,
    undefined,
    'in a function: path prefix that an API mapping adds to every path [none]',
  ),
})
