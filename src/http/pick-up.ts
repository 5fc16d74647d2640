import type { IncomingHttpHeaders } from 'node:http'
import type { Caller } from '../caller.ts'
import type { Command } from '../commands/command.ts'
import type { Commands } from '../commands/commands.ts'
import { GatewayError } from '../errors.ts'
import { toObject } from '../live/event.ts'
import type { Reply } from './fastify.ts'
import type { AnswerOf } from './json-answer.ts'
import { type QueryValues, querySchema } from './query-schema.ts'

/** The most commands that one request can acknowledge. */
const MAX_ACKNOWLEDGED = 100

export const ACK = {
  type: 'array',
  items: { type: 'string' },
  maxItems: MAX_ACKNOWLEDGED,
  description:
    'Ids of commands that the device has done with: they come no more. Those that do not wait are passed over.',
  examples: [['5f1c0e9a7b2d-42']],
} as const

/** The parameters of a publish that are about commands. */
export const PICK_UP = {
  command: {
    type: 'integer',
    enum: [0, 1],
    description:
      'With 1 the answer has the oldest command that waits for the device, as of `GET /commands`.',
    examples: [1],
  },
  ack: ACK,
} as const

/** The query of a publish of many readings. */
export const PICK_UP_QUERY = querySchema(PICK_UP)

export interface PickUp {
  readonly acknowledged: readonly string[]
  /** Whether the answer is to hold the oldest command. */
  readonly isWanted: boolean
  /** Whether the header `Prefer` asks for that (RFC 7240 §3). */
  readonly isPreferred: boolean
}

/**
 * What a publish asks about commands: `command=1` or `Prefer: command` asks for one, `ack` removes some; null for neither.
 * Throws a refusal, before anything is published, where the combination is invalid or not possible here.
 */
export function pickUpIn(
  { command, ack }: QueryValues<typeof PICK_UP_QUERY>,
  headers: IncomingHttpHeaders,
  { unsupported }: Pick<Commands, 'unsupported'>,
): PickUp | null {
  const acknowledged = acknowledgedIn(ack)
  const isPreferred = command === undefined && prefersCommand(headers)
  const isWanted = command === 1 || isPreferred
  if (!isWanted && acknowledged.length === 0) return null
  if (unsupported) throw unsupported
  return { acknowledged, isWanted, isPreferred }
}

/** Throws a refusal for too many ids. */
export function acknowledgedIn(ack: readonly string[]): readonly string[] {
  // a device that has had no command yet may send an empty value
  const ids = ack.filter((id) => id !== '')
  if (ids.length <= MAX_ACKNOWLEDGED) return ids
  throw new GatewayError(
    'query_invalid',
    `The query has ${ids.length} ids in ack; at most ${MAX_ACKNOWLEDGED} are allowed.`,
  )
}

/** RFC 7240 §2: a preference is a token, with an optional value and parameters. */
function prefersCommand({ prefer }: IncomingHttpHeaders): boolean {
  return prefer !== undefined && /(^|,)\s*command\s*($|[,;])/i.test(String(prefer))
}

/** The members about commands in the answer to a publish. */
export const PICKED_UP = {
  command: {
    description: 'The oldest waiting command, if the request asked for one; null if there is none.',
    anyOf: [{ $ref: 'Command#' }, { type: 'null' }],
  },
  more: { type: 'boolean', description: 'Whether more commands are waiting.' },
  commandProblem: {
    type: 'object',
    description:
      'Why there is no command, or none was acknowledged, although the reading is published.',
    required: ['code', 'detail'],
    properties: { code: { type: 'string' }, detail: { type: 'string' } },
  },
} as const

/** Reads or acknowledges commands, and returns the members about them. The readings stay published, even if a command fails. */
export async function pickUp(
  commands: Commands,
  caller: Caller,
  reply: Pick<Reply, 'header'>,
  asked: PickUp | null,
): Promise<PickedUp> {
  if (asked === null) return {}
  const { acknowledged, isWanted, isPreferred } = asked
  if (isPreferred) reply.header('preference-applied', 'command')
  const ask = { acknowledged, limit: isWanted ? 1 : 0, waitMs: 0, gone: NEVER }
  try {
    const { commands: taken, hasMore } = await commands.take(caller, ask)
    const [command] = taken
    return isWanted ? { command: command ? commandJson(command) : null, more: hasMore } : {}
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    const problem = { code: error.code, detail: error.message }
    return { ...(isWanted ? { command: null } : {}), commandProblem: problem }
  }
}

type PickedUp = AnswerOf<{ type: 'object'; properties: typeof PICKED_UP }>

const NEVER = new AbortController().signal

export function commandJson({ id, message, isRepeated }: Command): object {
  return { id, ...toObject(message), redelivered: isRepeated }
}
