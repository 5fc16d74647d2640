import type { BrokerLog } from '../broker/broker.ts'
import { type GapCause, gapFrame } from './event.ts'
import type { Hub } from './hub.ts'

/** Where a stream begins. */
export interface Beginning {
  /** The reader has all messages up to this number, except the retained ones. */
  readonly number: number
  /** Whether the retained messages come first. */
  readonly hasRetained: boolean
  /** Why messages may be missing. */
  readonly gaps: readonly GapCause[]
}

/** Instead of an id: begin with the whole history. */
const EARLIEST = 'earliest'
/** The end of the id of every retained message but the last: a reader that resumes from it gets all of them again. */
export const RETAINED_SUFFIX = '-r'

/** Where a stream begins for a reader whose last event had this id. */
export function beginningOf(
  lastEventId: string | undefined,
  hub: Pick<Hub, 'ids' | 'latest' | 'earliest'>,
  log: Pick<BrokerLog, 'oldest' | 'gapsAfter'>,
): Beginning {
  const oldest = log.oldest()
  const earliest = Math.max(hub.earliest(), oldest)
  if (lastEventId === undefined) return { number: hub.latest(), hasRetained: true, gaps: [] }
  if (lastEventId === EARLIEST) return { number: earliest, hasRetained: true, gaps: [] }
  const isUnfinished = lastEventId.endsWith(RETAINED_SUFFIX)
  const known = hub.ids.numberOf(
    isUnfinished ? lastEventId.slice(0, -RETAINED_SUFFIX.length) : lastEventId,
  )
  if (known === null || known > hub.latest())
    return { number: earliest, hasRetained: true, gaps: ['unknown_id'] }
  if (known < oldest) return { number: oldest, hasRetained: true, gaps: ['expired'] }
  const gaps = log.gapsAfter(known)
  return { number: known, hasRetained: isUnfinished || gaps.includes('expired'), gaps }
}

/** The events that tell the reader what may be missing before it begins. */
export function gapFramesOf(
  { number, hasRetained, gaps }: Beginning,
  lastEventId: string | undefined,
  hub: Pick<Hub, 'ids'>,
  log: Pick<BrokerLog, 'awayAfter'>,
): Buffer[] {
  const id = `${hub.ids.of(number)}${hasRetained ? RETAINED_SUFFIX : ''}`
  return gaps.map((gap) => {
    const seconds = gap === 'broker_away' ? log.awayAfter(number) : undefined
    return gapFrame(id, lastEventId ?? '', gap, seconds)
  })
}
