import { section, setting } from '../setting.ts'
import { KiB, MiB } from '../units.ts'
import { bytes, integer } from '../values/plain.ts'

/** Event streams: `config.streams`. */
export const STREAMS_SETTINGS = section('Event streams', 'streams.md', {
  newestMessages: setting(
    'history',
    integer(0, 10_000_000),
    '10000',
    'number of newest messages kept in memory for streams; lastEventId=earliest starts with them, older ones are read from the log',
  ),
  maxStreams: setting(
    'maxStreams',
    integer(0, 1_000_000),
    '1000',
    'maximum number of open event streams',
  ),
  maxStreamsPerReader: setting(
    'maxStreamsPerReader',
    integer(0, 1_000_000),
    '100',
    'maximum number of open event streams of one device or viewer',
  ),
  bufferBytes: setting(
    'streamBuffer',
    bytes(KiB, 1024 * MiB),
    '1MiB',
    'bytes that may wait for a slow stream reader before it is disconnected',
  ),
})
