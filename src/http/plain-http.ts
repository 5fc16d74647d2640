import { randomUUID } from 'node:crypto'
import { GatewayError } from '../errors.ts'
import { rawAnswer } from './problem.ts'

/** HTTP from a client that forgets TLS. */
export const PLAIN_HTTP = {
  name: 'HTTP',
  // methods are in capital letters, and so is the preface of HTTP/2
  beginsWith: (byte: number): boolean => byte >= 0x41 && byte <= 0x5a,
  answer: (): string =>
    rawAnswer(
      new GatewayError('request_invalid', 'This port needs HTTPS: use https://.'),
      randomUUID(),
    ),
}
