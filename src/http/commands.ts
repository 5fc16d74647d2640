import type { Caller } from '../caller.ts'
import type { Command } from '../commands/command.ts'
import type { Commands } from '../commands/commands.ts'
import { GatewayError } from '../errors.ts'
import type { Reading, Relay } from '../relay/relay.ts'
import { sendProblem } from './app.ts'
import { callerOf } from './caller.ts'
import { NOTHING, REPLY, takeQuery } from './commands-query.ts'
import type { App, Reply, Request } from './fastify.ts'
import { type AnswerSchema, answerJson } from './json-answer.ts'
import { acknowledgedIn, commandJson } from './pick-up.ts'
import { takeAnyBody } from './publish.ts'
import { queryValues } from './query-schema.ts'
import { HEADERS, propertiesOf } from './request-properties.ts'

export interface CommandRoutesOptions {
  readonly commands: Commands
  readonly relay: Pick<Relay, 'publish'>
  /** The longest time that a request may wait, in seconds. */
  readonly maxPollWaitSeconds: number
  /** Bytes of the largest payload. */
  readonly maxPayloadBytes: number
}

/** The answer of `GET /commands`. */
export const WAITING = {
  type: 'object',
  description: 'Commands that wait for a device.',
  required: ['commands', 'more'],
  properties: {
    commands: { type: 'array', items: { $ref: 'Command#' } },
    more: { type: 'boolean', description: 'Whether more commands are waiting.' },
  },
} as const satisfies AnswerSchema

/** The answer to an acknowledgement. */
export const ACKNOWLEDGED = {
  type: 'object',
  description: 'The result of an acknowledgement.',
  required: ['message', 'traceId', 'acknowledged'],
  properties: {
    message: { type: 'string', enum: ['OK'] },
    traceId: { type: 'string', description: 'Also in the header `x-request-id`.' },
    acknowledged: {
      type: 'boolean',
      description:
        'False if no such command was waiting: it was acknowledged before, has expired, or never existed.',
    },
  },
} as const satisfies AnswerSchema

const ID = '/commands/:id'

/** The commands that wait for the device that asks: it reads them, acknowledges them, or replies to them. */
export function commandRoutes(app: App, options: CommandRoutesOptions): void {
  const { commands, relay, maxPollWaitSeconds, maxPayloadBytes } = options

  const taking = takeQuery(maxPollWaitSeconds)
  const route = { config: { operation: 'readCommands' }, schema: { querystring: taking } }
  app.get('/commands', route, async (request, reply) => {
    const { wait, limit, ack } = queryValues(request, taking)
    const caller = callerOf(request)
    // HEAD takes no command, and does not wait
    const isAsked = request.method !== 'HEAD'
    const taken = await commands.take(caller, {
      acknowledged: isAsked ? acknowledgedIn(ack) : [],
      limit: isAsked ? limit : 0,
      waitMs: wait * 1000,
      gone: goneSignal(reply, caller),
    })
    if (caller.ended?.aborted) throw caller.ended.reason
    return answerJson<typeof WAITING>(reply, {
      commands: taken.commands.map(commandJson),
      more: taken.hasMore,
    })
  })

  async function acknowledge(request: Request, reply: Reply): Promise<Reply> {
    const acknowledged = await commands.acknowledge(callerOf(request), idOf(request))
    return answerJson<typeof ACKNOWLEDGED>(reply, {
      message: 'OK',
      traceId: request.id,
      acknowledged,
    })
  }
  app.delete(
    ID,
    { config: { operation: 'deleteCommand' }, schema: { querystring: NOTHING } },
    acknowledge,
  )
  app.post(
    `${ID}/ack`,
    {
      config: { operation: 'acknowledgeCommand' },
      schema: { querystring: NOTHING },
      onRequest: takeAnyBody,
      bodyLimit: maxPayloadBytes,
    },
    acknowledge,
  )

  app.post(`${ID}/reply`, {
    config: { operation: 'replyToCommand' },
    schema: { querystring: REPLY },
    bodyLimit: maxPayloadBytes,
    onRequest: takeAnyBody,
    async handler(request, reply) {
      const caller = callerOf(request)
      const command = await commands.find(caller, idOf(request))
      if (command === null)
        throw new GatewayError(
          'not_found',
          'No command with this id is waiting for this device: it was acknowledged, has expired, or never existed.',
        )
      const refused = await relay.publish(caller, replyTo(command, request))
      if (refused) return sendProblem(request, reply, refused)
      const acknowledged = await commands.acknowledge(caller, command.id)
      return answerJson<typeof ACKNOWLEDGED>(reply, {
        message: 'OK',
        traceId: request.id,
        acknowledged,
      })
    },
  })
}

/** The reading that answers a command (MQTT 5 §4.10). */
function replyTo({ message }: Command, request: Request): Reading {
  const { responseTopic, correlationData } = message.properties ?? {}
  if (responseTopic === undefined)
    throw new GatewayError(
      'request_invalid',
      'This command has no response topic, so it cannot be replied to. Acknowledge it instead.',
    )
  const query = queryValues(request, REPLY)
  if (request.headers[HEADERS.correlationData] !== undefined)
    throw new GatewayError(
      'request_invalid',
      `Leave out ${HEADERS.correlationData}: a reply always uses the correlation data of its command.`,
    )
  const { properties, messageExpiry } = orThrow(propertiesOf(query, request.headers, null))
  return {
    topic: responseTopic,
    payload: (request.body as Buffer | undefined) ?? Buffer.alloc(0),
    qos: query.qos ?? (message.qos === 0 ? 0 : 1),
    retain: false,
    messageExpiry,
    properties: correlationData ? { ...properties, correlationData } : properties,
  }
}

/** Aborted when the connection or the caller's session has ended. */
function goneSignal(reply: Reply, { ended }: Caller): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  return ended ? AbortSignal.any([gone.signal, ended]) : gone.signal
}

function idOf({ params }: Request): string {
  return (params as { readonly id: string }).id
}

function orThrow<T>(value: T | GatewayError): T {
  if (value instanceof GatewayError) throw value
  return value
}
