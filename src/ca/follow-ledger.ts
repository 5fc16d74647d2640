import { open } from 'node:fs/promises'
import { stateOf } from '../disk/state.ts'
import { type WatchedFile, watchFile } from '../disk/watched-file.ts'
import { type LedgerEntry, parseEntry } from './ledger-line.ts'

const INTERVAL_MS = 1000
/** The most that is read at once; the rest is read at the next look. */
const MOST_BYTES = 1024 * 1024

/**
 * Reports each entry that is added to the ledger at `path` from now on, by any process. Lines that are not entries are ignored.
 */
export async function followLedger(
  path: string,
  onEntry: (entry: LedgerEntry) => void,
  intervalMs = INTERVAL_MS,
): Promise<WatchedFile> {
  const loaded = await stateOf(path)
  let at = await sizeOf(path)

  async function load(): Promise<void> {
    await using ledger = await open(path)
    const { size } = await ledger.stat()
    // an older copy of the file was restored
    if (size < at) at = size
    const length = Math.min(size - at, MOST_BYTES)
    const { buffer, bytesRead } = await ledger.read(Buffer.alloc(length), 0, length, at)
    // the bytes after the last line feed are a line that is still being written
    const end = buffer.subarray(0, bytesRead).lastIndexOf('\n') + 1
    at += end
    for (const line of buffer.toString('utf8', 0, end).split('\n')) {
      const entry = parseEntry(line)
      if (entry) onEntry(entry)
    }
    if (size > at && end > 0) await load()
  }

  return watchFile({ load, loaded, intervalMs, state: () => stateOf(path) })
}

async function sizeOf(path: string): Promise<number> {
  await using ledger = await open(path)
  return (await ledger.stat()).size
}
