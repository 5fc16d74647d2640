import type { Denials } from '../acl/denials.ts'
import { GatewayError } from '../errors.ts'
import { openLatest } from '../live/latest.ts'
import type { LogReader } from '../live/log-reader.ts'
import { openReplay, type Replay } from '../live/replay.ts'
import { placeIn, placeText, type ReplayPlace } from '../live/replay-place.ts'
import { createPace, type Pace } from '../turns/pace.ts'
import { callerOf } from './caller.ts'
import type { App } from './fastify.ts'
import { filtersProblem } from './filters.ts'
import { beginAnswer, type HistorySource, sendAnswer } from './history-answer.ts'
import { HISTORY } from './history-parameters.ts'
import { bucketParts, entryParts } from './history-parts.ts'
import { type HistoryQuery, toHistoryQuery } from './history-query.ts'
import { createHistorySlots } from './history-slots.ts'
import { isGone } from './http2-stream.ts'
import { type HttpMemory, holdFor, noRoom } from './memory.ts'
import { queryValues } from './query-schema.ts'

export interface HistoryRouteOptions extends Pick<HttpMemory, 'memory'> {
  readonly reader: LogReader
  readonly denials: Denials
}

/** The most messages that one answer looks at, and the longest time that it takes; the next answer continues. */
const WORK = { scanned: 1_000_000, milliseconds: 30_000 } as const
const STEPS_EACH_TURN = 256
/** Memory of an answer: a page of the log, and the text made of it. */
const ANSWER_BYTES = 256 * 1024

/** `GET /history`: delivered messages, one by one or in buckets, as far as the current rules allow. */
export function historyRoute(app: App, options: HistoryRouteOptions): void {
  const pace = createPace(STEPS_EACH_TURN)
  const slots = createHistorySlots()

  const route = { config: { operation: 'readHistory' }, schema: { querystring: HISTORY } }
  app.get('/history', route, async (request, reply) => {
    const { reader, denials } = options
    const caller = callerOf(request)
    const query = toHistoryQuery(queryValues(request, HISTORY), Date.now())
    const after = query.isLatest ? null : placeOf(query.after, reader)
    const refused = filtersProblem('/history', query.filters, caller, denials)
    if (refused) throw refused
    const release = slots.take(caller.identity.id)
    reply.raw.once('close', release)
    // a request that was closed before does not report its end again
    if (isGone(request.raw)) release()
    const held = holdFor(request, options, 'history')
    if (!held.resize(ANSWER_BYTES)) throw noRoom()
    const hasRoom = (bytes: number) => held.resize(ANSWER_BYTES + bytes)
    const mayReceive = (topic: string) => caller.access.mayReceive(topic)
    const source = query.isLatest
      ? latestIn(reader, query, mayReceive, pace)
      : replayIn(
          reader,
          query,
          await openReplay(reader, { ...query, after, mayReceive }, WORK, pace),
          hasRoom,
        )
    const answer = await beginAnswer(request, query, source)
    if (caller.ended?.aborted) throw caller.ended.reason
    return sendAnswer(request, reply, query, answer, caller.ended)
  })
}

function replayIn(
  { ids }: LogReader,
  query: HistoryQuery,
  replay: Replay,
  hasRoom: (bytes: number) => boolean,
): HistorySource {
  const next = () => placeText(replay.position(), ids)
  return {
    gaps: replay.gaps,
    parts: (writer) =>
      query.buckets
        ? bucketParts(query, { ...query.buckets, hasRoom }, replay, ids, writer)
        : entryParts(query, replay, ids, next, writer),
  }
}

function latestIn(
  reader: LogReader,
  query: HistoryQuery,
  mayReceive: (topic: string) => boolean,
  pace: Pace,
): HistorySource {
  const request = { filters: query.filters, after: query.after ?? '', mayReceive }
  const latest = openLatest(reader, request, WORK, pace)
  return {
    gaps: latest.gaps,
    parts: (writer) => entryParts(query, latest, reader.ids, latest.position, writer),
  }
}

function placeOf(id: string | null, { ids, latest }: LogReader): ReplayPlace | null {
  if (id === null) return null
  const place = placeIn(id, ids)
  // a replay that starts at its newest end has a place one above the latest number
  if (place !== null && place.number <= latest() + 1) return place
  throw new GatewayError('query_invalid', `after must be an id of this history, not "${id}".`)
}
