import type { Command, Commands } from '../commands/commands.ts'
import { GatewayError } from '../errors.ts'
import type { Caller, Reading, Relay } from '../relay/relay.ts'
import { type App, type Reply, type Request, sendProblem } from './app.ts'
import { callerOf } from './caller.ts'
import { acknowledgedIn, commandJson } from './pick-up.ts'
import { takeAnyBody } from './publish.ts'
import { type Query, queryOf, single } from './query.ts'
import { HEADERS, propertiesOf } from './request-properties.ts'

export interface CommandRoutesOptions {
  readonly commands: Commands
  readonly relay: Pick<Relay, 'publish'>
  /** Seconds that a request may wait at most. */
  readonly maxPollWait: number
  /** Bytes of the largest payload. */
  readonly maxPayload: number
}

const MAX_LIMIT = 100
const ID = '/commands/:id'

/** What waits for the device that asks: it is read, acknowledged, or replied to. */
export function commandRoutes(app: App, options: CommandRoutesOptions): void {
  const { commands, relay, maxPollWait, maxPayload } = options

  app.get('/commands', { config: { operation: 'readCommands' } }, async (request, reply) => {
    const query = queryOf(request.originalUrl, ['wait', 'limit', 'ack'])
    const caller = callerOf(request)
    // HEAD takes nothing, and waits for nothing
    const isAsked = request.method !== 'HEAD'
    const taken = await commands.take(caller, {
      acknowledged: isAsked ? acknowledgedIn(query) : [],
      limit: isAsked ? numberIn(query, 'limit', 1, MAX_LIMIT, 1) : 0,
      wait: numberIn(query, 'wait', 0, maxPollWait, 0) * 1000,
      gone: goneSignal(reply, caller),
    })
    if (caller.ended?.aborted) throw caller.ended.reason
    return send(reply, { commands: taken.commands.map(commandJson), more: taken.hasMore })
  })

  async function acknowledge(request: Request, reply: Reply): Promise<Reply> {
    queryOf(request.originalUrl, [])
    const acknowledged = await commands.acknowledge(callerOf(request), idOf(request))
    return send(reply, { message: 'OK', traceId: request.id, acknowledged })
  }
  app.delete(ID, { config: { operation: 'deleteCommand' } }, acknowledge)
  app.post(
    `${ID}/ack`,
    { config: { operation: 'acknowledgeCommand' }, onRequest: takeAnyBody, bodyLimit: maxPayload },
    acknowledge,
  )

  app.post(`${ID}/reply`, {
    config: { operation: 'replyToCommand' },
    bodyLimit: maxPayload,
    onRequest: takeAnyBody,
    async handler(request, reply) {
      const caller = callerOf(request)
      const command = await commands.find(caller, idOf(request))
      if (command === null)
        throw new GatewayError(
          'not_found',
          'No such command waits for this device: it was acknowledged, has expired, or never was.',
        )
      const refused = await relay.publish(caller, replyTo(command, request))
      if (refused) return sendProblem(request, reply, refused)
      const acknowledged = await commands.acknowledge(caller, command.id)
      return send(reply, { message: 'OK', traceId: request.id, acknowledged })
    },
  })
}

/** The reading that answers a command, as MQTT 5 §4.10 has it. */
function replyTo({ message }: Command, request: Request): Reading {
  const { responseTopic, correlationData } = message.properties ?? {}
  if (responseTopic === undefined)
    throw new GatewayError(
      'request_invalid',
      'This command has no response topic: nobody waits for a reply. Acknowledge it instead.',
    )
  const query = queryOf(request.originalUrl, ['qos', 'contentType', 'messageExpiry'])
  const qos = numberIn(query, 'qos', 0, 1, message.qos === 0 ? 0 : 1)
  if (request.headers[HEADERS.correlationData] !== undefined)
    throw new GatewayError(
      'request_invalid',
      `A reply has the correlation data of its command: leave ${HEADERS.correlationData} out.`,
    )
  const { properties, messageExpiry } = orThrow(propertiesOf(query, request.headers, null))
  return {
    topic: responseTopic,
    payload: (request.body as Buffer | undefined) ?? Buffer.alloc(0),
    qos: qos === 0 ? 0 : 1,
    retain: false,
    messageExpiry,
    properties: correlationData ? { ...properties, correlationData } : properties,
  }
}

/** Aborted when the connection has ended, or with it the right to ask. */
function goneSignal(reply: Reply, { ended }: Caller): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  return ended ? AbortSignal.any([gone.signal, ended]) : gone.signal
}

function idOf({ params }: Request): string {
  return (params as { readonly id: string }).id
}

function numberIn(query: Query, name: string, least: number, most: number, usual: number): number {
  const text = orThrow(single(query, name) ?? String(usual))
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new GatewayError(
    'query_invalid',
    `${name} must be a whole number from ${least} to ${most}, not "${text}".`,
  )
}

function orThrow<T>(value: T | GatewayError): T {
  if (value instanceof GatewayError) throw value
  return value
}

function send(reply: Reply, body: object): Reply {
  return reply
    .header('cache-control', 'no-store')
    .type('application/json')
    .send(JSON.stringify(body))
}
