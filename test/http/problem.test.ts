import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GatewayError } from '../../src/errors.ts'
import {
  problemAnswer,
  rawAnswer,
  toGatewayError,
  toParseProblem,
  toProblem,
} from '../../src/http/problem.ts'
import { rawAnswers } from '../support/raw.ts'

describe('a problem', () => {
  it("has the members of RFC 9457, and of AWS IoT's error bodies", () => {
    const error = new GatewayError('publish_denied', 'Not you.')
    assert.deepEqual(toProblem(error, 'trace'), {
      type: 'urn:wott-gateway:problem:publish_denied',
      title: 'Publish denied',
      status: 403,
      detail: 'Not you.',
      code: 'publish_denied',
      message: 'Not you.',
      traceId: 'trace',
    })
  })

  it('does not reveal internal errors', () => {
    const inner = new Error('password=hunter2 at /home/gateway/secret.ts:1')
    for (const error of [inner, inner.message, { statusCode: 500, message: inner.message }, null]) {
      const told = toGatewayError(error)
      assert.deepEqual([told.code, told.status], ['internal_error', 500])
      assert.doesNotMatch(JSON.stringify(toProblem(told, 'trace')), /hunter2|secret\.ts|"stack"/)
      // only for the log
      assert.equal(told.cause, error)
    }
  })

  it('stays the same when it is converted again', () => {
    const error = new GatewayError('rate_limited', 'Slower.', { retryAfter: 2 })
    assert.equal(toGatewayError(error), error)
  })

  it('has the objection of Fastify', () => {
    for (const [code, statusCode, expected] of [
      ['FST_ERR_CTP_BODY_TOO_LARGE', 413, 'payload_too_large'],
      ['FST_ERR_CTP_INVALID_CONTENT_LENGTH', 400, 'request_invalid'],
      ['ECONNRESET', 400, 'request_invalid'],
    ] as const)
      assert.equal(
        toGatewayError(Object.assign(new Error('x'), { code, statusCode })).code,
        expected,
      )
  })

  it('can be written as a whole HTTP answer', () => {
    const text = rawAnswer(new GatewayError('request_invalid', 'Grün?'), 'trace')
    const [answer, ...more] = rawAnswers(Buffer.from(text).toString('latin1'))
    assert.deepEqual(more, [])
    assert.equal(answer?.status, 400)
    assert.equal(answer.headers.connection, 'close')
    assert.equal(answer.headers['x-request-id'], 'trace')
    assert.equal(JSON.parse(Buffer.from(answer.body, 'latin1').toString()).detail, 'Grün?')
  })

  it('counts its bytes, not its characters', () => {
    const { headers, body } = problemAnswer(new GatewayError('not_found', '€'), 'trace')
    assert.equal(headers['content-length'], Buffer.byteLength(body))
  })

  it('says what is wrong with bytes that are not a request', () => {
    assert.equal(toParseProblem('HPE_HEADER_OVERFLOW').status, 431)
    assert.equal(toParseProblem('ERR_HTTP_REQUEST_TIMEOUT').status, 408)
    assert.equal(toParseProblem('HPE_INVALID_METHOD').status, 400)
    assert.equal(toParseProblem(undefined).status, 400)
  })
})
