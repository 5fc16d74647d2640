import { setting } from '../setting.ts'
import { choice, integer } from '../values/plain.ts'

/** Stopping, and the log. */
export const PROCESS_SETTINGS = {
  // the store closes after the drain, and "docker stop" and most platforms kill after 10 seconds
  drainSeconds: setting(
    integer(0, 3600),
    '8',
    'seconds that a stopping gateway gives open requests and connections to finish',
  ),
  logLevel: setting(
    choice('error', 'warn', 'info', 'debug'),
    'info',
    'write log lines of this level and above',
  ),
} as const
