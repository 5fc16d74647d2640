import type { Denials } from '../acl/denials.ts'
import type { Broker } from '../broker/broker.ts'
import { GatewayError } from '../errors.ts'
import type { Message, MessageProperties } from '../topic/message.ts'
import { timedProperties } from '../topic/time.ts'
import { readingTopicProblem } from '../topic/topic.ts'
import { callerOf } from './caller.ts'
import type { App, Request } from './fastify.ts'
import { type AnswerSchema, answerJson } from './json-answer.ts'
import { answerType } from './media-type.ts'
import { topicInPath } from './query.ts'
import { type RetainedListOptions, retainedListRoute } from './retained-list.ts'
import { type StreamRoutes, wantsStream } from './stream.ts'
import { ONE_FILTER } from './stream-query.ts'

export interface ReadRoutesOptions extends Pick<RetainedListOptions, 'turns'> {
  readonly broker: Broker
  readonly denials: Denials
}

/**
 * `GET /topics/{topic}`: the retained payload, or a stream where `Accept` asks for one. `GET /retainedMessage/{topic}`: the
 * retained message in AWS IoT's form, and the list of all.
 */
export function readRoutes(app: App, options: ReadRoutesOptions, streams: StreamRoutes): void {
  retainedListRoute(app, options)
  app.get(
    '/topics/*',
    {
      config: { operation: 'readTopic' },
      schema: { querystring: ONE_FILTER },
      // the schema of the query holds only for streams
      attachValidation: true,
    },
    async (request, reply) => {
      if (wantsStream(request)) return streams.openOne(request, reply)
      const message = await retainedFor(request, '/topics/', options)
      return reply.headers(headersOf(message, options.broker.log.now())).send(message.payload)
    },
  )

  app.get(
    '/retainedMessage/*',
    { config: { operation: 'readRetainedMessage' } },
    async (request, reply) => {
      const message = await retainedFor(request, '/retainedMessage/', options)
      const { topic, payload, qos, received } = message
      const body = {
        topic,
        payload: payload.toString('base64'),
        qos,
        lastModifiedTime: received,
        userProperties: userPropertiesIn(timedProperties(message)),
      }
      return answerJson<typeof RETAINED_MESSAGE>(reply, body)
    },
  )
}

/** The answer of `GET /retainedMessage/{topic}`. */
export const RETAINED_MESSAGE = {
  type: 'object',
  description: "A retained message in the shape of AWS IoT's GetRetainedMessage.",
  required: ['topic', 'payload', 'qos', 'lastModifiedTime', 'userProperties'],
  properties: {
    topic: { type: 'string' },
    payload: { type: 'string', contentEncoding: 'base64' },
    qos: { type: 'integer', enum: [0, 1, 2] },
    lastModifiedTime: { type: 'integer', description: 'Milliseconds since the Unix epoch.' },
    userProperties: {
      type: ['string', 'null'],
      contentEncoding: 'base64',
      contentMediaType: 'application/json',
      description:
        'Names and values, in order: a JSON list of objects with one name each, in base64; null where there are none.',
    },
  },
} as const satisfies AnswerSchema

/** A payload may be an HTML page: the browser must run and load nothing, and give it no origin. */
const POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"

function headersOf(
  { properties, received, expires }: Message,
  now: number,
): Record<string, string | number> {
  return {
    'content-type': answerType(properties?.contentType),
    'content-security-policy': POLICY,
    'cache-control': 'no-store',
    // RFC 9111 §5.1: seconds since the device sent it
    age: Math.max(0, Math.floor((Date.now() - received) / 1000)),
    ...(expires === null ? {} : { expires: new Date(Date.now() + expires - now).toUTCString() }),
  }
}

/** The form of AWS IoT's `GetRetainedMessage`: a JSON list of objects with one name each, in base64. */
function userPropertiesIn(properties: MessageProperties | null): string | null {
  const { userProperties = [] } = properties ?? {}
  if (userProperties.length === 0) return null
  const objects = userProperties.map((pair) => Object.fromEntries([pair]))
  return Buffer.from(JSON.stringify(objects)).toString('base64')
}

async function retainedFor(
  request: Request,
  prefix: string,
  { broker, denials }: ReadRoutesOptions,
): Promise<Message> {
  const topic = topicInPath(request.originalUrl, prefix)
  if (topic instanceof GatewayError) throw topic
  const problem = readingTopicProblem(topic)
  if (problem)
    throw new GatewayError(
      'topic_invalid',
      `The topic ${problem}. To follow a filter, ask for a stream: Accept: text/event-stream.`,
    )
  const { access, identity, door } = callerOf(request)
  if (!access.mayReceive(topic)) {
    denials.note({ door, id: identity.id, action: 'receive', topic })
    throw new GatewayError(
      'read_denied',
      `The ACL file does not allow ${identity.id} to read ${topic}.`,
    )
  }
  const [message] = await broker.retained(topic)
  if (!message)
    throw new GatewayError(
      'not_retained',
      `No message is retained on ${topic}. Publish one with ?retain=true, or ask for a stream: Accept: text/event-stream.`,
    )
  return message
}
