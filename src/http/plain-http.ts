import { GatewayError } from '../errors.ts'
import { rawAnswer } from './problem.ts'
import { createTraceId } from './trace-id.ts'

/** Recognizes a client that speaks HTTP without TLS by mistake. */
export const PLAIN_HTTP = {
  name: 'HTTP',
  // a method begins with a capital letter, and so does the preface of HTTP/2
  beginsWith: (byte: number): boolean => byte >= 0x41 && byte <= 0x5a,
  answer: (): string =>
    rawAnswer(
      new GatewayError('request_invalid', 'This port needs HTTPS: use https://.'),
      createTraceId(),
    ),
}
