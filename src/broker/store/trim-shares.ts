import type { LogUsage } from './log-usage.ts'
import type { Retention } from './retention.ts'
import { createTopicsKept, type TopicsKept } from './topics-kept.ts'
import type { TrimDeletions } from './trim-deletions.ts'
import type { ReadTrimRows } from './trim-rows.ts'

/** A device is trimmed to this part of its share, so that it does not exceed it again at once. */
const RELIEF = 7 / 8

/** One walk through the log, for all devices that exceeded their share when it began. */
interface Walk {
  /** The messages up to this number are checked. */
  cursor: number
  readonly devices: Set<string | null>
  readonly kept: TopicsKept
}

/**
 * Deletes the oldest messages of devices above their share: a part of the work at each call, until the time is up. Returns
 * whether there may be more. Messages younger than `youngest`, in milliseconds, stay; a walk begins that long after the last one.
 */
export function createShareTrim(
  rowsAfter: ReadTrimRows,
  deletions: TrimDeletions,
  usage: LogUsage,
  retention: Retention,
  youngest: number,
) {
  const share: Retention = { ...retention, bytes: 2 * retention.bytesPerDevice }
  let walk: Walk | null = null
  let lastBegan = 0

  function begin(now: number, cursor: number): Walk | null {
    if (Math.abs(now - lastBegan) < youngest) return null
    const above = [...usage.byDevice].filter(([, { bytes }]) => bytes > retention.bytesPerDevice)
    if (above.length === 0) return null
    lastBegan = now
    const devices = new Set(above.map(([device]) => device))
    return { cursor, devices, kept: createTopicsKept(share) }
  }

  /** Only kept messages are left up to `trimmedTo`. */
  return (now: number, trimmedTo: number, isTimeUp: () => boolean): boolean => {
    walk ??= begin(now, trimmedTo)
    if (!walk) return false
    const { devices, kept } = walk
    const rows = rowsAfter(Math.max(walk.cursor, trimmedTo))
    for (const row of rows) {
      if (row.time > now - youngest) break
      if (isTimeUp()) return true
      walk.cursor = row.number
      if (!devices.has(row.device)) continue
      if (deletions.bytesOf(row.device) <= retention.bytesPerDevice * RELIEF)
        devices.delete(row.device)
      else if (!row.isReferredTo && !kept.keeps(row, now)) deletions.delete(row, 'thinned')
      if (devices.size === 0) break
    }
    if (rows.at(-1)?.number === walk.cursor && devices.size > 0) return true
    walk = null
    return false
  }
}
