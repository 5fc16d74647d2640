import { ERROR_CODES, type ErrorCode, GatewayError } from '../errors.ts'
import { type Problem, toProblem } from '../http/problem.ts'
import { type Schemas, TRACE_ID } from './operation.ts'
import type { Described } from './problems/described.ts'
import { GATEWAY } from './problems/gateway.ts'
import { IDENTITY } from './problems/identity.ts'
import { MESSAGES } from './problems/messages.ts'
import { REQUESTS } from './problems/requests.ts'

/** What each error code means and what to do about it: the API reference and docs/troubleshooting.md are made of this. */
export const PROBLEMS: Readonly<Record<ErrorCode, Described>> = {
  ...IDENTITY,
  ...MESSAGES,
  ...REQUESTS,
  ...GATEWAY,
}

export function exampleOf(code: ErrorCode): Problem {
  return toProblem(new GatewayError(code, PROBLEMS[code].detail), TRACE_ID)
}

/** The codes as a table in Markdown, for docs/troubleshooting.md. */
export function toProblemTable(): string {
  const rows = ERROR_CODES.map(
    (code) => `| \`${code}\` | ${PROBLEMS[code].means} | ${PROBLEMS[code].remedy} |`,
  )
  return ['| code | cause | what to do |', '|---|---|---|', ...rows].join('\n')
}

export const SCHEMAS = {
  Problem: {
    type: 'object',
    description:
      "Why the gateway refused: RFC 9457 problem details, with the members `message` and `traceId` of AWS IoT's error bodies.",
    required: ['type', 'title', 'status', 'detail', 'code', 'message', 'traceId'],
    properties: {
      type: { type: 'string', format: 'uri', description: 'A URN that ends with the code.' },
      title: { type: 'string', description: 'The code in words.' },
      status: { type: 'integer', description: 'The HTTP status.' },
      detail: { type: 'string', description: 'What happened, for the person who caused it.' },
      code: {
        type: 'string',
        enum: ERROR_CODES,
        description: [
          'What happened, for programs: codes are stable.',
          ...ERROR_CODES.map((code) => `- \`${code}\`: ${PROBLEMS[code].means}.`),
        ].join('\n'),
      },
      message: { type: 'string', description: 'The same as `detail`.' },
      traceId: {
        type: 'string',
        description: "Finds the line in the gateway's log. Also in the header `x-request-id`.",
      },
      accepted: {
        type: 'integer',
        minimum: 0,
        description: 'Of `POST /topics`, as in an outcome.',
      },
      refused: {
        type: 'array',
        items: { $ref: 'RefusedLine#' },
        description: 'Of `POST /topics`, as in an outcome.',
      },
      next: {
        type: 'integer',
        minimum: 1,
        description:
          'Of `POST /topics`: the line from which to continue after `Retry-After` seconds.',
      },
    },
  },
} satisfies Schemas
