import { section, setting } from '../setting.ts'
import { orOff } from '../values/parse.ts'
import { integer } from '../values/plain.ts'
import { commandTopics } from '../values/topics.ts'

/** Commands over HTTP: `config.commands`. */
export const COMMANDS_SETTINGS = section('Commands over HTTP', 'commands.md', {
  commandTopic: setting(
    'commandTopic',
    orOff(commandTopics),
    'cmd/%u/#',
    'topics whose messages wait for a device that polls for commands over HTTP: filters separated by commas, each with %u (the WoTT ID) as a level; off: none',
  ),
  maxPolls: setting(
    'maxPolls',
    integer(0, 1_000_000),
    '1000',
    'maximum number of requests that wait for commands',
  ),
  maxPollsPerDevice: setting(
    'maxPollsPerDevice',
    integer(0, 1_000_000),
    '4',
    'maximum number of requests of one device that wait for commands',
  ),
  maxPollWaitSeconds: setting(
    'maxPollWait',
    integer(0, 3_600),
    '60',
    'maximum number of seconds that a request may wait for a command',
  ),
})
