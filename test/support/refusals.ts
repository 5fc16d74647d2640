import { type ErrorCode, GatewayError } from '../../src/errors.ts'
import { PROBLEM_TYPE } from '../../src/http/problem.ts'
import { DOORS, type HttpDoor } from '../../src/reference/doors.ts'
import type { Operation } from '../../src/reference/operation.ts'
import { PROBLEMS } from '../../src/reference/problems.ts'
import type { DescribedRoute } from './routes.ts'

/** Whether this door refuses an anonymous caller of the operation. */
function insists(door: HttpDoor, { session }: Operation): boolean {
  return DOORS[door].security !== null && !(door === 'viewer' && session)
}

/** The security of a route in OpenAPI; anonymous callers are allowed where the list is empty or contains `{}`. */
export function securityOf({ operation, doors }: DescribedRoute): object[] {
  const ways = doors.flatMap((door) => {
    const { security } = DOORS[door]
    const known = security && !(door === 'viewer' && operation.session === 'unused')
    return [...(known ? [{ [security]: [] }] : []), ...(insists(door, operation) ? [] : [{}])]
  })
  return ways.some((way) => Object.keys(way).length > 0) ? ways : []
}

/** The refusals of a route and of the doors before it, one per status. */
export function refusalsOf({ operation, doors }: DescribedRoute): Record<string, Refusal> {
  const codes = new Set<ErrorCode>([
    ...doors.flatMap((door) => (insists(door, operation) ? DOORS[door].unidentified : [])),
    ...operation.errors,
    ...doors.flatMap((door) => DOORS[door].errors),
  ])
  const byStatus = Map.groupBy(codes, (code) => new GatewayError(code, '').status)
  const answers = [...byStatus].map(([status, same]) => [
    status,
    same.length > 1 || status in operation.response
      ? refusal(...same)
      : { $ref: `#/components/responses/${same[0]}` },
  ])
  return Object.fromEntries(answers)
}

interface Refusal {
  readonly description?: string
  readonly headers?: object
  readonly content?: object
}

export function refusal(...codes: ErrorCode[]): Refusal {
  const later = codes.some((code) => PROBLEMS[code].later)
  return {
    description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].means}.`).join('\n\n'),
    headers: { ...header('x-request-id'), ...(later ? header('retry-after') : {}) },
    content: {
      [PROBLEM_TYPE]: {
        schema: {
          allOf: [
            { $ref: '#/components/schemas/Problem' },
            { type: 'object', properties: { code: { enum: codes } } },
          ],
        },
        examples: Object.fromEntries(
          codes.map((code) => [code, { $ref: `#/components/examples/${code}` }]),
        ),
      },
    },
  }
}

export function header(name: keyof typeof HEADERS): object {
  return { [name]: { $ref: `#/components/headers/${name}` } }
}

export const HEADERS = {
  'x-request-id': {
    required: true,
    schema: { type: 'string' },
    description: 'Finds what the gateway logged of this request.',
  },
  'retry-after': { schema: { type: 'integer' }, description: 'Seconds to wait.' },
}
