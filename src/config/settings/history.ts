import { setting } from '../setting.ts'
import { KiB, MiB } from '../units.ts'
import { bytes, integer } from '../values/plain.ts'

/** History and event streams. */
export const HISTORY_SETTINGS = {
  history: setting(
    integer(0, 10_000_000),
    '10000',
    'number of newest messages kept in memory for streams; lastEventId=earliest starts with them, older ones are read from the log',
  ),
  historyAge: setting(
    integer(60, 3_153_600_000),
    '604800',
    'seconds that a message is kept; retained messages, and messages that wait for a session, are kept longer',
  ),
  historyBytes: setting(
    bytes(0),
    undefined,
    'maximum size of all messages kept, counting 100 bytes more for each [1GiB in file:, 64MiB in memory:]',
  ),
  historyBytesPerDevice: setting(
    bytes(0),
    undefined,
    'maximum size of the messages of one device that are kept [half of WOTT_HISTORY_BYTES]',
  ),
  topicTtl: setting(
    integer(60, 3_153_600_000),
    '2592000',
    'seconds that the latest message of each topic is kept, however much is published to other topics',
  ),
  maxTopics: setting(
    integer(0, 10_000_000),
    '100000',
    'maximum number of topics whose latest message is kept for WOTT_TOPIC_TTL; one device may use half of them',
  ),
  maxStreams: setting(integer(0, 1_000_000), '1000', 'maximum number of open event streams'),
  streamBuffer: setting(
    bytes(KiB, 1024 * MiB),
    '1MiB',
    'bytes that may wait for a slow stream reader before it is disconnected',
  ),
  maxStreamsPerReader: setting(
    integer(0, 1_000_000),
    '100',
    'maximum number of open event streams of one device or viewer',
  ),
  streamStall: setting(
    integer(1, 3600),
    '30',
    'seconds that a client may read nothing while data waits for it, before it is disconnected',
  ),
} as const
