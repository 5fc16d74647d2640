import { constants, type Http2Stream } from 'node:http2'
import { Readable } from 'node:stream'
import type { Denials } from '../acl/denials.ts'
import { GatewayError } from '../errors.ts'
import { type BucketOptions, createBuckets } from '../live/buckets.ts'
import { openLatest } from '../live/latest.ts'
import type { LogReader } from '../live/log-reader.ts'
import { openReplay, type Replay } from '../live/replay.ts'
import { placeIn, placeText, type ReplayPlace } from '../live/replay-place.ts'
import { createPace, type Pace } from '../pace.ts'
import { callerOf } from './caller.ts'
import type { App, Reply, Request } from './fastify.ts'
import { filtersProblem } from './filters.ts'
import { createHistoryWriter, type HistoryEnd, type HistoryWriter } from './history-format.ts'
import { HISTORY } from './history-parameters.ts'
import { type HistoryQuery, toHistoryQuery } from './history-query.ts'
import { type HttpMemory, holdFor, noRoom } from './memory.ts'
import { queryValues } from './query-schema.ts'

export interface HistoryRouteOptions extends Pick<HttpMemory, 'memory'> {
  readonly reader: LogReader
  readonly denials: Denials
}

/** What one answer looks at, and how long it takes at most; what is left is for the next one. */
export const WORK = { looked: 1_000_000, milliseconds: 30_000 } as const
/** Whoever has not read its answer by then is cut off. */
const LONGEST_ANSWER_MS = 60_000
/** Answers under way: of one device or viewer, and of all. */
const MOST_ANSWERS = { each: 8, all: 64 } as const
const STEPS_EACH_TURN = 256
const CHUNK_CHARACTERS = 32_768
/** What an answer holds: a page of the log, and what is written of it. */
const ANSWER_BYTES = 256 * 1024
/** Characters of all topics that buckets are made of. */
const TOPIC_CHARACTERS = 4 * 1024 * 1024

/** `GET /history`: what was handed on, as messages or in buckets, under the rules of now. */
export function historyRoute(app: App, options: HistoryRouteOptions): void {
  const pace = createPace(STEPS_EACH_TURN)
  const slots = createSlots()

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
    // its end has been told already
    if (isGone(request)) release()
    const held = holdFor(request, options, 'history')
    if (!held.resize(ANSWER_BYTES)) throw noRoom()
    const hasRoom = (bytes: number) => held.resize(ANSWER_BYTES + bytes)
    const { mayReceive } = caller.access
    const source = query.isLatest
      ? latestIn(reader, query, mayReceive, pace)
      : replayIn(
          reader,
          query,
          await openReplay(reader, { ...query, after, mayReceive }, WORK, pace),
          hasRoom,
        )
    const answer = await begin(request, query, source)
    if (caller.ended?.aborted) throw caller.ended.reason
    endWithSession(reply, caller.ended)
    return send(request, reply, query, answer)
  })
}

/** What an answer is made of. */
interface Source {
  readonly gaps: Replay['gaps']
  parts(writer: HistoryWriter): AsyncIterable<string>
}

/** What messages come from, one after the other. */
type Messages = Pick<Replay, 'gaps' | 'deliveries' | 'cut' | 'lost'>

function replayIn(
  { ids }: LogReader,
  query: HistoryQuery,
  replay: Replay,
  hasRoom: (bytes: number) => boolean,
): Source {
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
): Source {
  const request = { filters: query.filters, after: query.after ?? '', mayReceive }
  const latest = openLatest(reader, request, WORK, pace)
  return {
    gaps: latest.gaps,
    parts: (writer) => entryParts(query, latest, reader.ids, latest.position, writer),
  }
}

/** An answer that has begun. */
interface Answer {
  readonly gaps: Replay['gaps']
  readonly contentType: string
  readonly chunks: AsyncIterable<string>
}

/** Reads the first chunk: what goes wrong up to there has an answer of its own. */
async function begin(
  { method }: Request,
  { format, buckets }: HistoryQuery,
  { gaps, parts }: Source,
): Promise<Answer> {
  const writer = createHistoryWriter(format, buckets ? 'buckets' : 'entries')
  const chunks = inChunks(parts(writer))
  // nothing is read for an answer that nobody sees
  const first = method === 'HEAD' ? { done: true as const } : await chunks.next()

  async function* all(): AsyncGenerator<string, void> {
    if (first.done) return
    yield first.value
    yield* chunks
  }

  return { gaps, contentType: writer.contentType, chunks: all() }
}

function send(request: Request, reply: Reply, query: HistoryQuery, answer: Answer): Reply {
  reply.header('cache-control', 'no-store').type(answer.contentType)
  if (answer.gaps.length > 0) reply.header('wott-gaps', answer.gaps.join(', '))
  if (query.format === 'csv')
    reply.header('content-disposition', 'attachment; filename="history.csv"')
  if (request.method === 'HEAD') return reply.send()
  const body = Readable.from(answer.chunks, { objectMode: false })
  body.once('error', (err) => {
    breakOff(reply)
    // a store that cannot be read says so itself
    if (!(err instanceof GatewayError))
      request.log.error({ err, traceId: request.id }, 'an answer of history failed')
  })
  return reply.send(body)
}

async function* entryParts(
  { limit, isLimited }: HistoryQuery,
  messages: Messages,
  ids: LogReader['ids'],
  next: () => string,
  writer: HistoryWriter,
): AsyncGenerator<string, void> {
  yield writer.begin()
  let left = limit
  let truncated: HistoryEnd['truncated'] = null
  for await (const delivery of messages.deliveries()) {
    if (left === 0) {
      truncated = 'limit'
      break
    }
    left -= 1
    yield writer.entry(delivery, ids.of(delivery.sequence))
  }
  truncated ??= messages.cut()
  const end = { truncated, next: truncated === null ? null : next() }
  yield ending(end, messages, isLimited, writer)
}

async function* bucketParts(
  { limit, isLimited, newestFirst }: HistoryQuery,
  options: NonNullable<HistoryQuery['buckets']> & Pick<BucketOptions, 'hasRoom'>,
  replay: Replay,
  ids: LogReader['ids'],
  writer: HistoryWriter,
): AsyncGenerator<string, void> {
  yield writer.begin()
  const buckets = createBuckets<ReplayPlace>({
    ...options,
    most: limit,
    mostCharacters: TOPIC_CHARACTERS,
  })
  let truncated: HistoryEnd['truncated'] = null
  for await (const delivery of replay.deliveries())
    if (!buckets.add(delivery, replay.position())) {
      truncated = 'limit'
      break
    }
  truncated ??= replay.cut()
  // what belongs to one bucket comes in one answer
  const unfinished = truncated === null ? null : buckets.forgetUnfinished()
  const next = placeText(unfinished ?? replay.position(), ids)
  for (const bucket of buckets.rows(newestFirst)) yield writer.bucket(bucket)
  const end = { truncated, next: truncated === null ? null : next }
  yield ending(end, replay, isLimited, writer)
}

function ending(
  end: Omit<HistoryEnd, 'gaps'>,
  messages: Messages,
  isLimited: boolean,
  writer: HistoryWriter,
): string {
  const gaps = new Set(messages.gaps)
  for (const gap of messages.lost()) gaps.add(gap)
  const isTold = end.truncated === null || (end.truncated === 'limit' && isLimited)
  return writer.end({ ...end, gaps: [...gaps] }, isTold && gaps.size === messages.gaps.length)
}

async function* inChunks(parts: AsyncIterable<string>): AsyncGenerator<string, void> {
  let chunk = ''
  for await (const part of parts) {
    chunk += part
    if (chunk.length < CHUNK_CHARACTERS) continue
    yield chunk
    chunk = ''
  }
  if (chunk !== '') yield chunk
}

/** Ends the connection under an answer whose reader has no session any more, or does not read it. */
function endWithSession(reply: Reply, ended: AbortSignal | undefined): void {
  const { raw } = reply
  const end = () => breakOff(reply)
  const timer = setTimeout(end, LONGEST_ANSWER_MS).unref()
  ended?.addEventListener('abort', end)
  raw.once('close', () => {
    clearTimeout(timer)
    ended?.removeEventListener('abort', end)
  })
}

/** Ends an answer so that nobody takes what was sent for all of it. */
function breakOff({ raw }: Reply): void {
  // HTTP/1.1 responses have no stream; one of HTTP/2 that is only destroyed ends as if it were whole
  const stream = (raw as { readonly stream?: Partial<Http2Stream> }).stream
  if (stream?.close) stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  else raw.destroy()
}

/** Whether the other end has gone while its session was looked up. */
function isGone({ raw }: Request): boolean {
  // HTTP/1.1 requests have no stream
  return (raw.stream as typeof raw.stream | undefined)?.destroyed ?? raw.socket.destroyed
}

function placeOf(id: string | null, { ids, latest }: LogReader): ReplayPlace | null {
  if (id === null) return null
  const place = placeIn(id, ids)
  // a replay that goes on from its newest end begins one above
  if (place !== null && place.number <= latest() + 1) return place
  throw new GatewayError('query_invalid', `after must be an id of this history, not "${id}".`)
}

function createSlots() {
  const taken = new Map<string, number>()
  let all = 0

  return {
    /** Throws a `rate_limited` where there is none left; otherwise returns what gives it back. */
    take(id: string): () => void {
      const own = taken.get(id) ?? 0
      if (own >= MOST_ANSWERS.each || all >= MOST_ANSWERS.all)
        throw new GatewayError(
          'rate_limited',
          own >= MOST_ANSWERS.each
            ? `${id} reads ${own} answers of history, and no more are allowed at the same time.`
            : 'As many answers of history are read as there may be at the same time.',
          { retryAfter: 1 },
        )
      taken.set(id, own + 1)
      all += 1
      let isTaken = true
      return () => {
        if (!isTaken) return
        isTaken = false
        const left = (taken.get(id) ?? 1) - 1
        if (left === 0) taken.delete(id)
        else taken.set(id, left)
        all -= 1
      }
    },
  }
}
