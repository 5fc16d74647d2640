import { section, setting } from '../setting.ts'
import { MiB } from '../units.ts'
import { bytes, integer, secondsAsMs } from '../values/plain.ts'

/** What a device may publish: `config.publishing`. */
export const PUBLISHING_SETTINGS = section('Publishing', 'api.md', {
  maxPayloadBytes: setting(
    'maxPayload',
    bytes(1, 64 * MiB),
    '128KiB',
    'maximum payload of one message',
  ),
  rate: setting(
    'publishRate',
    integer(0, 1_000_000),
    '1000',
    'messages per second that one device may publish on average. Over HTTP more is refused (429); over MQTT the device is slowed down. Refused messages and wills count too; each further KiB of topic and properties, and each further 4 KiB of payload, counts as one more message; 0: no limit',
  ),
  burst: setting(
    'publishBurst',
    integer(1, 10_000_000),
    '2000',
    'messages that one device may publish at once',
  ),
  timeBounds: {
    pastMs: setting(
      'readingPast',
      secondsAsMs(0, 315_360_000),
      '2592000',
      'seconds that the measuring time of a reading may lie before its arrival',
    ),
    futureMs: setting(
      'readingFuture',
      secondsAsMs(0, 31_536_000),
      '300',
      'seconds that the measuring time of a reading may lie after its arrival, for devices whose clock is ahead',
    ),
  },
})
