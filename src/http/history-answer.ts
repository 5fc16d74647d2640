import { constants, type Http2Stream } from 'node:http2'
import { Readable } from 'node:stream'
import { GatewayError } from '../errors.ts'
import type { GapCause } from '../live/event.ts'
import type { Reply, Request } from './fastify.ts'
import { createHistoryWriter, type HistoryWriter } from './history-format.ts'
import type { HistoryQuery } from './history-query.ts'

/** The parts of an answer, and what they are read from. */
export interface HistorySource {
  readonly gaps: readonly GapCause[]
  parts(writer: HistoryWriter): AsyncIterable<string>
}

/** An answer that has begun. */
export interface Answer {
  readonly gaps: readonly GapCause[]
  readonly contentType: string
  readonly chunks: AsyncIterable<string>
}

/** A reader that has not read its answer by then is cut off. */
const LONGEST_ANSWER_MS = 60_000
const CHUNK_CHARACTERS = 32_768

/** Reads the first chunk, so that an error up to there can still be answered as one. */
export async function beginAnswer(
  { method }: Request,
  { format, buckets }: HistoryQuery,
  { gaps, parts }: HistorySource,
): Promise<Answer> {
  const writer = createHistoryWriter(format, buckets ? 'buckets' : 'entries')
  const chunks = inChunks(parts(writer))
  // an answer without a body reads nothing
  const first = method === 'HEAD' ? { done: true as const } : await chunks.next()

  async function* all(): AsyncGenerator<string, void> {
    if (first.done) return
    yield first.value
    yield* chunks
  }

  return { gaps, contentType: writer.contentType, chunks: all() }
}

/** Sends an answer; `ended` breaks it off when its reader's session is over. */
export function sendAnswer(
  request: Request,
  reply: Reply,
  { format }: HistoryQuery,
  { gaps, contentType, chunks }: Answer,
  ended: AbortSignal | undefined,
): Reply {
  breakOffLate(reply, ended)
  reply.header('cache-control', 'no-store').type(contentType)
  if (gaps.length > 0) reply.header('wott-gaps', gaps.join(', '))
  if (format === 'csv') reply.header('content-disposition', 'attachment; filename="history.csv"')
  if (request.method === 'HEAD') return reply.send()
  const body = Readable.from(chunks, { objectMode: false })
  body.once('error', (err) => {
    breakOff(reply)
    // the store itself logs why it cannot be read
    if (!(err instanceof GatewayError))
      request.log.error({ err, traceId: request.id }, 'an answer of history failed')
  })
  return reply.send(body)
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

/** Breaks off an answer when its reader's session is over, or when it is not read in time. */
function breakOffLate(reply: Reply, ended: AbortSignal | undefined): void {
  const end = () => breakOff(reply)
  const timer = setTimeout(end, LONGEST_ANSWER_MS).unref()
  ended?.addEventListener('abort', end)
  reply.raw.once('close', () => {
    clearTimeout(timer)
    ended?.removeEventListener('abort', end)
  })
}

/** Ends an answer so that its reader notices that it is incomplete. */
function breakOff({ raw }: Reply): void {
  // HTTP/1.1 responses have no stream; an HTTP/2 stream that is only destroyed ends as if the answer were complete
  const stream = (raw as { readonly stream?: Partial<Http2Stream> }).stream
  if (stream?.close) stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  else raw.destroy()
}
