import { section, setting } from '../setting.ts'
import { KiB, MiB } from '../units.ts'
import { bytes } from '../values/plain.ts'

/** The memory of all clients: `config.memory`. */
export const MEMORY_SETTINGS = section('Memory', 'operations.md#limits', {
  totalBytes: setting(
    'memoryBytes',
    bytes(MiB),
    '128MiB',
    'maximum memory that requests, connections and sessions of all devices and viewers may use together (queues, retained messages and history have their own limits); a quarter is reserved for those that use little',
  ),
  bytesPerOwner: setting(
    'memoryBytesPerDevice',
    bytes(64 * KiB),
    '32MiB',
    'maximum share of WOTT_MEMORY_BYTES for one device or viewer: unfinished requests and answers, packets, data waiting for its readers, sessions, filters and wills',
  ),
})
