import { setting } from '../setting.ts'
import { orOff } from '../values/parse.ts'
import { integer } from '../values/plain.ts'
import { commandTopics } from '../values/topics.ts'

/** Commands over HTTP. */
export const COMMANDS_SETTINGS = {
  commandTopic: setting(
    orOff(commandTopics),
    'cmd/%u/#',
    'topics whose messages wait for a device that polls for commands over HTTP: filters separated by commas, each with %u (the WoTT ID) as a level; off: none',
  ),
  maxPolls: setting(
    integer(0, 1_000_000),
    '1000',
    'maximum number of requests that wait for commands',
  ),
  maxPollsPerDevice: setting(
    integer(0, 1_000_000),
    '4',
    'maximum number of requests of one device that wait for commands',
  ),
  maxPollWait: setting(
    integer(0, 3_600),
    '60',
    'maximum number of seconds that a request may wait for a command',
  ),
} as const
