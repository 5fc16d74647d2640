import type { Broker } from '../broker/broker.ts'
import { GatewayError } from '../errors.ts'
import type { Message } from '../topic/message.ts'
import type { Turns } from '../turns/turns.ts'
import { callerOf } from './caller.ts'
import type { App, Request } from './fastify.ts'
import { type AnswerSchema, answerJson } from './json-answer.ts'
import { querySchema, queryValues } from './query-schema.ts'

export interface RetainedListOptions {
  readonly broker: Pick<Broker, 'retained'>
  readonly turns: Pick<Turns, 'each'>
}

/** Topics in one answer, as in AWS IoT. */
const MAX_RESULTS = 200

const QUERY = querySchema({
  maxResults: {
    type: 'integer',
    minimum: 1,
    maximum: MAX_RESULTS,
    default: MAX_RESULTS,
    description: 'Most topics of one answer.',
    examples: [25],
  },
  nextToken: {
    type: 'string',
    description: 'Of the answer before.',
    examples: ['d290dC9odW1pZGl0eQ'],
  },
})

/** The answer of `GET /retainedMessage`. */
export const RETAINED_MESSAGES = {
  type: 'object',
  description: "Retained messages in the shape of AWS IoT's ListRetainedMessages.",
  required: ['retainedTopics'],
  properties: {
    retainedTopics: {
      type: 'array',
      maxItems: MAX_RESULTS,
      items: {
        type: 'object',
        required: ['topic', 'payloadSize', 'qos', 'lastModifiedTime'],
        properties: {
          topic: { type: 'string' },
          payloadSize: { type: 'integer', description: 'Bytes.' },
          qos: { type: 'integer', enum: [0, 1, 2] },
          lastModifiedTime: {
            type: 'integer',
            description: 'Milliseconds since the Unix epoch.',
          },
        },
      },
    },
    nextToken: {
      type: 'string',
      description: 'The token for the next part of the list; absent at its end.',
    },
  },
} as const satisfies AnswerSchema

/** `GET /retainedMessage`: the retained messages that the caller may read, in AWS IoT's form, page by page. */
export function retainedListRoute(app: App, { broker, turns }: RetainedListOptions): void {
  app.get(
    '/retainedMessage',
    { config: { operation: 'listRetainedMessages' }, schema: { querystring: QUERY } },
    async (request, reply) => {
      const { maxResults: most, nextToken = '' } = queryValues(request, QUERY)
      const after = tokenIn(nextToken)
      const page = await firstOf(await broker.retained('#'), request, {
        most: most + 1,
        after,
        turns,
      })
      const last = page.length > most ? page[most - 1] : undefined
      const body = {
        retainedTopics: page.slice(0, most).map(({ topic, payload, qos, received }) => ({
          topic,
          payloadSize: payload.length,
          qos,
          lastModifiedTime: received,
        })),
        ...(last ? { nextToken: Buffer.from(last.topic).toString('base64url') } : {}),
      }
      return answerJson<typeof RETAINED_MESSAGES>(reply, body)
    },
  )
}

interface PageOptions extends Pick<RetainedListOptions, 'turns'> {
  readonly most: number
  readonly after: string
}

/** The first messages after a topic that the caller may read, in the order of their topics. */
async function firstOf(
  messages: readonly Message[],
  request: Request,
  { most, after, turns }: PageOptions,
): Promise<Message[]> {
  const { access, identity, door } = callerOf(request)
  const found: Message[] = []
  const owner = door === 'viewer' ? `viewer ${identity.id}` : identity.id
  await turns.each(owner, messages, (message) => {
    const { topic } = message
    // asks the ACL only about topics that can still be in the answer
    if (topic <= after || (found.length === most && topic >= (found[most - 1] as Message).topic))
      return
    if (!access.mayReceive(topic)) return
    found.splice(placeOf(topic, found), 0, message)
    if (found.length > most) found.pop()
  })
  return found
}

function placeOf(topic: string, sorted: readonly Message[]): number {
  const at = sorted.findIndex((other) => other.topic > topic)
  return at === -1 ? sorted.length : at
}

/** The topic after which the list continues. */
function tokenIn(token: string): string {
  const bytes = Buffer.from(token, 'base64url')
  if (bytes.toString('base64url') === token) return bytes.toString('utf8')
  throw new GatewayError('query_invalid', 'nextToken must come from an earlier answer.')
}
