import { section, setting } from '../setting.ts'
import { choice, path, secondsAsMs } from '../values/plain.ts'

/** The process itself: `config.process`. */
export const PROCESS_SETTINGS = section('The process', 'operations.md', {
  // the store closes after the drain, and "docker stop" and most platforms kill after 10 seconds
  drainMs: setting(
    'drainSeconds',
    secondsAsMs(0, 3600),
    '8',
    'seconds that a stopping gateway gives open requests and connections to finish',
  ),
  logLevel: setting(
    'logLevel',
    choice('error', 'warn', 'info', 'debug'),
    'info',
    'write log lines of this level and above',
  ),
  mosquittoConf: setting(
    'mosquittoConf',
    path,
    undefined,
    'a mosquitto.conf to take settings from; flags and environment variables override it',
  ),
})
