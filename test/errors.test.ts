import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GatewayError } from '../src/errors.ts'

describe('a refusal', () => {
  it('has no stack trace, which would be slow; an internal error has one', () => {
    const { stackTraceLimit } = Error
    assert.equal(new GatewayError('rate_limited', 'Slower.').stack, 'GatewayError: Slower.')
    assert.match(new GatewayError('internal_error', 'Oh.').stack ?? '', /\n {4}at .*errors\.test/)
    assert.equal(Error.stackTraceLimit, stackTraceLimit)
  })
})
