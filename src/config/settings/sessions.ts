import { setting } from '../setting.ts'
import { KiB, MiB } from '../units.ts'
import { bytes, choice, integer } from '../values/plain.ts'

/** MQTT sessions and retained messages. */
export const SESSIONS_SETTINGS = {
  sessionQueue: setting(
    integer(1, 10_000_000),
    '1000',
    'maximum number of QoS 1 and 2 messages that wait for one session',
  ),
  sessionQueueBytes: setting(
    bytes(KiB, 1024 * MiB),
    '16MiB',
    'maximum size of the messages that wait for one session',
  ),
  sessionQueueFull: setting(
    choice('drop-oldest', 'refuse'),
    'drop-oldest',
    'what happens when the queue of a session is full: drop its oldest unsent message, or refuse the new message',
  ),
  queueBytes: setting(
    bytes(KiB),
    '128MiB',
    'maximum size of the messages that wait for all sessions together',
  ),
  queueBytesPerDevice: setting(
    bytes(KiB),
    '64MiB',
    'maximum size of the messages that wait for all sessions of one device',
  ),
  maxSessions: setting(integer(1, 10_000_000), '10000', 'maximum number of persistent sessions'),
  maxSessionsPerDevice: setting(
    integer(1, 10_000_000),
    '5000',
    'maximum number of persistent sessions of one device',
  ),
  sessionExpiry: setting(
    integer(60, 315_360_000),
    '604800',
    'seconds that a session is kept after its last connection has closed: for MQTT 3 clients always, for MQTT 5 clients the most they may ask for',
  ),
  messageExpiry: setting(
    integer(60, 315_360_000),
    '604800',
    'maximum number of seconds that a message waits for a session',
  ),
  countedDowntime: setting(
    integer(0, 315_360_000),
    '86400',
    'maximum number of seconds without a running gateway that count towards the expiry of messages and sessions; a limit is needed because the system clock may have been changed meanwhile',
  ),
  maxRetained: setting(integer(0, 10_000_000), '100000', 'maximum number of retained messages'),
  retainedBytes: setting(bytes(KiB), '128MiB', 'maximum size of all retained messages'),
  retainedBytesPerDevice: setting(
    bytes(KiB),
    '64MiB',
    'maximum size of the retained messages that one device has published',
  ),
} as const
