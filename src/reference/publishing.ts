// What one reading and many have in common.
import type { Schema } from './operation.ts'

/** The header by which a request can be sent again. */
export const idempotencyKey = (example: string): Schema => ({
  type: 'string',
  description:
    'A name for this request, 1 to 255 ASCII characters, with or without quotes, so that it can be repeated: for `WOTT_IDEMPOTENCY_TTL` seconds a repeat with the same key publishes nothing and gets the answer of the first request, with `Idempotency-Replayed: true`.',
  examples: [example],
})
export const PREFER: Schema = {
  type: 'string',
  description:
    '`command` asks for a command, like `command=1`; the answer has `Preference-Applied: command`.',
  examples: ['command'],
}
/** What that header can be refused for. */
export const KEY_REFUSALS = [
  'request_invalid',
  'idempotency_key_in_use',
  'idempotency_key_reused',
] as const
