import { derived, section, setting } from '../setting.ts'
import { KiB, MiB } from '../units.ts'
import { bytes, choice, integer, secondsAsMs } from '../values/plain.ts'

/** The limits of the store: `config.broker.limits`. */
export const LIMITS_SETTINGS = section(
  'Sessions, retained messages and requests that are sent again',
  'broker.md#sessions',
  {
    messagesPerSession: setting(
      'sessionQueue',
      integer(1, 10_000_000),
      '1000',
      'maximum number of QoS 1 and 2 messages that wait for one session',
    ),
    bytesPerSession: setting(
      'sessionQueueBytes',
      bytes(KiB, 1024 * MiB),
      '16MiB',
      'maximum size of the messages that wait for one session',
    ),
    whenFull: setting(
      'sessionQueueFull',
      choice('drop-oldest', 'refuse'),
      'drop-oldest',
      'what happens when the queue of a session is full: drop its oldest unsent message, or refuse the new message',
    ),
    queuedBytes: setting(
      'queueBytes',
      bytes(KiB),
      '128MiB',
      'maximum size of the messages that wait for all sessions together',
    ),
    queuedBytesPerDevice: derived(
      'queueBytesPerDevice',
      bytes(KiB),
      (value) => Math.ceil(value<number>('queueBytes') / 2),
      'maximum size of the messages that wait for all sessions of one device [half of WOTT_QUEUE_BYTES]',
    ),
    sessions: setting(
      'maxSessions',
      integer(1, 10_000_000),
      '10000',
      'maximum number of persistent sessions',
    ),
    sessionsPerDevice: derived(
      'maxSessionsPerDevice',
      integer(1, 10_000_000),
      (value) => Math.ceil(value<number>('maxSessions') / 2),
      'maximum number of persistent sessions of one device [half of WOTT_MAX_SESSIONS]',
    ),
    sessionExpirySeconds: setting(
      'sessionExpiry',
      integer(60, 315_360_000),
      '604800',
      'seconds that a session is kept after its last connection has closed: for MQTT 3 clients always, for MQTT 5 clients the most they may ask for',
    ),
    messageExpiryMs: setting(
      'messageExpiry',
      secondsAsMs(60, 315_360_000),
      '604800',
      'maximum number of seconds that a message waits for a session',
    ),
    countedDowntimeMs: setting(
      'countedDowntime',
      secondsAsMs(0, 315_360_000),
      '86400',
      'maximum number of seconds without a running gateway that count towards the expiry of messages and sessions; a limit is needed because the system clock may have been changed meanwhile',
    ),
    retainedMessages: setting(
      'maxRetained',
      integer(0, 10_000_000),
      '100000',
      'maximum number of retained messages',
    ),
    retainedBytes: setting(
      'retainedBytes',
      bytes(KiB),
      '128MiB',
      'maximum size of all retained messages',
    ),
    retainedBytesPerDevice: derived(
      'retainedBytesPerDevice',
      bytes(KiB),
      (value) => Math.ceil(value<number>('retainedBytes') / 2),
      'maximum size of the retained messages that one device has published [half of WOTT_RETAINED_BYTES]',
    ),
    keyTtlMs: setting(
      'idempotencyTtl',
      secondsAsMs(60, 31_536_000),
      '86400',
      'seconds that an Idempotency-Key is remembered, so that a repeated request does not publish again',
    ),
    keys: setting(
      'idempotencyKeys',
      integer(1, 10_000_000),
      '100000',
      'maximum number of Idempotency-Keys that are remembered; beyond it the oldest are dropped, those of the same device first; one device may use a quarter of them',
    ),
    keyBytes: setting(
      'idempotencyBytes',
      bytes(64 * KiB),
      '64MiB',
      'maximum size of all Idempotency-Keys and their stored answers; one device may use a quarter of it',
    ),
  },
)
