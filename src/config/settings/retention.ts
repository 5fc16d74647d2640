import { derived, section, setting } from '../setting.ts'
import { MiB } from '../units.ts'
import type { BrokerAddress } from '../values/brokers.ts'
import { bytes, integer, secondsAsMs } from '../values/plain.ts'

/** The default size limit, by kind of broker. */
const HISTORY_BYTES = { file: 1024 * MiB, memory: 64 * MiB, mqtt: 64 * MiB } as const

/** The retention of the log: `config.broker.retention`. */
export const RETENTION_SETTINGS = section('How long messages are kept', 'history.md', {
  ageMs: setting(
    'historyAge',
    secondsAsMs(60, 3_153_600_000),
    '604800',
    'seconds that a message is kept; retained messages, and messages that wait for a session, are kept longer',
  ),
  bytes: derived(
    'historyBytes',
    bytes(0),
    (value) => HISTORY_BYTES[value<BrokerAddress>('broker').kind],
    'maximum size of all messages kept, counting 100 bytes more for each [1GiB in file:, 64MiB in memory:]',
  ),
  bytesPerDevice: derived(
    'historyBytesPerDevice',
    bytes(0),
    (value) => Math.floor(value<number>('historyBytes') / 2),
    'maximum size of the messages of one device that are kept [half of WOTT_HISTORY_BYTES]',
  ),
  topicTtlMs: setting(
    'topicTtl',
    secondsAsMs(60, 3_153_600_000),
    '2592000',
    'seconds that the latest message of each topic is kept, however much is published to other topics',
  ),
  topics: setting(
    'maxTopics',
    integer(0, 10_000_000),
    '100000',
    'maximum number of topics whose latest message is kept for WOTT_TOPIC_TTL; one device may use half of them',
  ),
})
