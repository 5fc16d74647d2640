import type { IncomingHttpHeaders } from 'node:http'
import type { Command, Commands } from '../commands/commands.ts'
import { GatewayError } from '../errors.ts'
import { toObject } from '../live/event.ts'
import type { Caller } from '../relay/relay.ts'
import { type Query, single } from './query.ts'

/** What a publish says of commands, in its query. */
export const PICK_UP_NAMES = ['command', 'ack'] as const
/** Most commands that one request can acknowledge. */
const MAX_ACKNOWLEDGED = 100

export interface PickUp {
  readonly acknowledged: readonly string[]
  /** Whether the answer is to bring the oldest command. */
  readonly wanted: boolean
}

/** What a publish asks of commands: with `command=1` or `Prefer: command` for one, with `ack` to be rid of some; null for nothing. */
export function pickUpIn(query: Query, headers: IncomingHttpHeaders): PickUp | null | GatewayError {
  const asked = single(query, 'command')
  if (asked instanceof GatewayError) return asked
  if (asked !== undefined && asked !== '0' && asked !== '1')
    return new GatewayError('query_invalid', `command must be 0 or 1, not "${asked}".`)
  const acknowledged = acknowledgedIn(query)
  if (acknowledged instanceof GatewayError) return acknowledged
  const wanted = asked === '1' || (asked === undefined && prefersCommand(headers))
  return wanted || acknowledged.length > 0 ? { acknowledged, wanted } : null
}

export function acknowledgedIn(query: Query): readonly string[] | GatewayError {
  // a device without a last command may leave it empty
  const ids = (query.get('ack') ?? []).filter((id) => id !== '')
  if (ids.length <= MAX_ACKNOWLEDGED) return ids
  return new GatewayError(
    'query_invalid',
    `The query has ${ids.length} ids in ack; at most ${MAX_ACKNOWLEDGED} are allowed.`,
  )
}

/** RFC 7240 §2: a preference is a token, which may have a value and parameters. */
export function prefersCommand({ prefer }: IncomingHttpHeaders): boolean {
  return prefer !== undefined && /(^|,)\s*command\s*($|[,;])/i.test(String(prefer))
}

/** The members that a publish answers besides its own. What it published stays so, whatever becomes of the commands. */
export async function pickUp(
  commands: Commands,
  caller: Caller,
  { acknowledged, wanted }: PickUp,
): Promise<object> {
  const ask = { acknowledged, limit: wanted ? 1 : 0, wait: 0, gone: NEVER }
  try {
    const { commands: taken, hasMore } = await commands.take(caller, ask)
    const [command] = taken
    return wanted ? { command: command ? commandJson(command) : null, more: hasMore } : {}
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    const problem = { code: error.code, detail: error.message }
    return { ...(wanted ? { command: null } : {}), commandProblem: problem }
  }
}

const NEVER = new AbortController().signal

export function commandJson({ id, message, isRepeated }: Command): object {
  return { id, ...toObject(message), redelivered: isRepeated }
}
