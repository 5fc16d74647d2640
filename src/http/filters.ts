import type { Denials } from '../acl/denials.ts'
import type { Caller } from '../caller.ts'
import { GatewayError } from '../errors.ts'
import { filterProblem } from '../topic/topic.ts'

const MAX_FILTERS = 64

/** The `filter` of a query, which may come several times. */
export const FILTERS = {
  type: 'array',
  items: { type: 'string' },
  minItems: 1,
  maxItems: MAX_FILTERS,
  description: 'MQTT topic filters; `#` is sent as `%23`, and `+` may be sent as it is.',
  examples: [['wott/#']],
} as const

/** Why the filters that `caller` asks `path` for are refused: not valid, or it could never read anything that they cover. */
export function filtersProblem(
  path: string,
  filters: readonly string[],
  { access, door, identity }: Caller,
  denials: Denials,
): GatewayError | null {
  if (filters.length === 0)
    return new GatewayError('query_invalid', `Name at least one filter: ${path}?filter=wott/%23`)
  if (filters.length > MAX_FILTERS)
    return new GatewayError(
      'query_invalid',
      `There may be at most ${MAX_FILTERS} filters, not ${filters.length}.`,
    )
  for (const filter of filters) {
    if (filter.startsWith('$share/'))
      return new GatewayError(
        'topic_invalid',
        `Shared subscriptions such as "${filter}" exist only in MQTT; use the filter without $share.`,
      )
    const problem = filterProblem(filter)
    if (problem) return new GatewayError('topic_invalid', `The filter "${filter}" ${problem}.`)
  }
  if (access.couldReceive(filters)) return null
  for (const topic of filters) denials.note({ door, id: identity.id, action: 'receive', topic })
  return new GatewayError(
    'read_denied',
    `The ACL file does not allow ${identity.id} to read anything that matches ${filters.join(' or ')}.`,
  )
}
