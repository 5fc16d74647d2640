import { isUtf8 } from 'node:buffer'
import type { KeyedLine, KeyedRequest } from '../broker/broker.ts'
import type { Caller } from '../caller.ts'
import { GatewayError } from '../errors.ts'
import type { Outcome, Relay } from '../relay/relay.ts'
import type { Turns } from '../turns/turns.ts'
import { sendProblem } from './app.ts'
import { type BatchAnswer, type OUTCOME, statusOf, toBatchAnswer } from './batch.ts'
import { callerOf } from './caller.ts'
import { BATCHED } from './cloud-event.ts'
import type { App, Request } from './fastify.ts'
import { beginKeyed, REPLAYED } from './idempotency.ts'
import type { AnswerOf } from './json-answer.ts'
import { PICK_UP_QUERY, pickUp, pickUpIn } from './pick-up.ts'
import { toGatewayError } from './problem.ts'
import { type PublishOptions, takeAnyBody } from './publish.ts'
import { type Numbered, publishEach } from './publish-each.ts'
import { queryValues } from './query-schema.ts'
import { readingIn } from './reading-line.ts'

export const MAX_LINES = 1000
/** Most line feeds of a request, including those of empty lines. */
const MAX_LINE_FEEDS = 10 * MAX_LINES
const MAX_BYTES = 1024 * 1024
export const NDJSON = 'application/x-ndjson'

type Line = Numbered<string>

export interface PublishManyOptions
  extends Pick<PublishOptions, 'onTooLarge' | 'meter' | 'keys' | 'commands'> {
  readonly relay: Pick<Relay, 'publish' | 'refuse'>
}

/** `POST /topics`: one reading in each line; an invalid line does not affect the others. */
export function publishManyRoute(
  app: App,
  { relay, keys, commands, meter, onTooLarge }: PublishManyOptions,
  turns: Pick<Turns, 'each'>,
): void {
  app.post('/topics', {
    config: { operation: 'publishMany', decodesBody: true },
    schema: { querystring: PICK_UP_QUERY },
    bodyLimit: MAX_BYTES,
    onRequest: [mustBeNdjson, takeAnyBody],
    async onError(request, _reply, error) {
      if (toGatewayError(error).code !== 'payload_too_large') return
      const { door, identity } = callerOf(request)
      onTooLarge(door, identity.id, MAX_BYTES)
    },
    async handler(request, reply) {
      const started = performance.now()
      const caller = callerOf(request)
      const asked = pickUpIn(queryValues(request, PICK_UP_QUERY), request.headers, commands)
      const text = textIn(request.body as Buffer)
      checkLines(text)
      const keyed = beginKeyed(request, keys)
      const answer = await (keyed ? publishOnce(caller, text, keyed) : publish(caller, text))
      meter.publishTook(caller.door, (performance.now() - started) / 1000)
      if (answer.isReplayed) reply.header(REPLAYED, 'true')
      const { result, error } = answer
      if (error) return sendProblem(request, reply, error, result)
      const more = await pickUp(commands, caller, reply, asked)
      const outcome: AnswerOf<typeof OUTCOME> = { ...result, ...more }
      return reply.code(statusOf(result)).type('application/json').send(JSON.stringify(outcome))
    },
  })

  /** A request that has failed keeps its key: a repeat publishes the lines that are not published yet. */
  async function publishOnce(
    caller: Caller,
    text: string,
    keyed: KeyedRequest,
  ): Promise<BatchAnswer> {
    try {
      if (keyed.answer !== null)
        return { result: JSON.parse(keyed.answer), error: null, isReplayed: true }
      const answer = await publish(caller, text, keyed)
      if (answer.error === null) await keyed.finish(JSON.stringify(answer.result))
      return answer
    } finally {
      keyed.release()
    }
  }

  async function publish(
    caller: Caller,
    text: string,
    keyed: KeyedRequest | null = null,
  ): Promise<BatchAnswer> {
    const outcome = await publishEach(linesOf(text), {
      turns,
      device: caller.identity.id,
      keyed,
      publish: (line, keyedLine, received) => publishLine(caller, line, keyedLine, received),
    })
    return toBatchAnswer(outcome)
  }

  function publishLine(
    caller: Caller,
    line: string,
    keyedLine: KeyedLine | undefined,
    received: number,
  ): Outcome | Promise<Outcome> {
    const reading = readingIn(line)
    return reading instanceof GatewayError
      ? relay.refuse(caller, reading)
      : relay.publish(caller, keyedLine ? { ...reading, keyedLine } : reading, received)
  }
}

async function mustBeNdjson(request: Request): Promise<void> {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  if (type === BATCHED)
    throw new GatewayError(
      'unsupported_media_type',
      'Batches of CloudEvents are not supported, because events do not name their topics: send each event to /topics/{topic}.',
    )
  if (type !== NDJSON)
    throw new GatewayError(
      'unsupported_media_type',
      `Send many readings as ${NDJSON}, one JSON object per line; send one reading to /topics/{topic}.`,
    )
}

function textIn(body: Buffer): string {
  if (!isUtf8(body)) throw new GatewayError('body_invalid', 'The body is not valid UTF-8.')
  return body.toString('utf8')
}

function checkLines(text: string): void {
  let feeds = 0
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) {
    feeds += 1
    if (feeds === MAX_LINE_FEEDS) throw tooManyLines()
  }
  if (feeds < MAX_LINES) return
  let count = 0
  for (const _line of linesOf(text)) {
    count += 1
    if (count > MAX_LINES) throw tooManyLines()
  }
}

/** Reads a line when it is needed: objects that wait for their turn are expensive for V8's garbage collector. */
function* linesOf(text: string): Generator<Line, void> {
  let number = 1
  for (let start = 0; start < text.length; number++) {
    const feed = text.indexOf('\n', start)
    const end = feed === -1 ? text.length : feed
    const line = text.slice(start, end).trim()
    if (line !== '') yield [number, line]
    start = end + 1
  }
}

function tooManyLines(): GatewayError {
  return new GatewayError(
    'payload_too_large',
    `The body has more lines than the ${MAX_LINES} that are allowed.`,
  )
}
