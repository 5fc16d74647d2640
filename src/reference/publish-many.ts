import { OUTCOME, REFUSALS, REFUSED_LINE } from '../http/batch.ts'
import { MAX_LINES, NDJSON } from '../http/publish-many.ts'
import { READING } from '../http/reading-schema.ts'
import { json, type Operations, parameters, type Schemas } from './operation.ts'
import { idempotencyKey, KEY_REFUSALS, PREFER } from './publishing.ts'

export const OPERATIONS = {
  publishMany: {
    summary: 'Publish many readings',
    description: `One JSON object per line, at most ${MAX_LINES} lines and 1 MiB, compressed with gzip or deflate if its \`Content-Encoding\` says so. Each line is published or refused separately: one bad line does not affect the others, and the answer names it. Blank lines are skipped. The status is 200 if all lines were published and 207 if some were. If all were refused, it is that of their common reason, or of \`readings_refused\`. The rate limit ends the request at the first line that it refuses: 429, with that line as \`next\`, from which to continue after \`Retry-After\` seconds. With 503 the lines that \`refused\` has as \`broker_unavailable\` are to be sent again. These errors have the members of an outcome, too. With an \`Idempotency-Key\` a request that was answered 429 or 503 is sent again as it is: the lines that are published already are not published again.`,
    tags: ['Publish'],
    headers: parameters({
      'Idempotency-Key': idempotencyKey('"1b4e28ba-2fa1-11d2-883f-0016d3cca427"'),
      Prefer: PREFER,
    }),
    body: {
      content: {
        [NDJSON]: {
          schema: {
            type: 'string',
            contentMediaType: NDJSON,
            contentSchema: { type: 'array', maxItems: MAX_LINES, items: { $ref: 'Reading#' } },
            'x-examples': {
              two: {
                summary: 'Two readings; the second one is retained',
                value:
                  '{"topic":"wott/temperature","payload":21.5}\n{"topic":"wott/humidity","payload":"55","qos":1,"retain":true}\n',
              },
            },
          },
        },
      },
    },
    response: {
      200: json('All lines are published.', 'Outcome', { accepted: 2, refused: [] }),
      207: json('Some lines are published.', 'Outcome', {
        accepted: 1,
        refused: [
          {
            line: 2,
            code: 'publish_denied',
            detail: 'The ACL file does not allow sensor.d.wott.local to publish to wott/humidity.',
          },
        ],
      }),
    },
    errors: [
      'query_invalid',
      'body_invalid',
      'readings_refused',
      'unsupported_media_type',
      'content_encoding_unsupported',
      'not_supported_here',
      ...KEY_REFUSALS,
      ...REFUSALS,
    ],
  },
} satisfies Operations

export const SCHEMAS = {
  Reading: READING,
  Outcome: OUTCOME,
  RefusedLine: REFUSED_LINE,
} satisfies Schemas
