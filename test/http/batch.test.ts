import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GatewayError } from '../../src/errors.ts'
import { toBatchAnswer } from '../../src/http/batch.ts'

const gone = new GatewayError('broker_unavailable', 'The disk is full.', { retryAfter: 7 })
const limited = new GatewayError('rate_limited', 'Too fast.', { retryAfter: 3 })
const refused = (line: number, refusal: GatewayError) => ({ line, refusal })

test('a store that fails in the middle is an error with the number of published lines', () => {
  const { result, error } = toBatchAnswer({
    accepted: 2,
    refused: [refused(2, gone), refused(4, gone)],
    stop: null,
  })
  assert.deepEqual([error?.status, error?.code, error?.retryAfter], [503, 'broker_unavailable', 7])
  assert.match(error?.message ?? '', /^2 lines were published; 2 were not stored\.$/)
  assert.deepEqual(
    result.refused.map(({ line, code }) => [line, code]),
    [
      [2, 'broker_unavailable'],
      [4, 'broker_unavailable'],
    ],
  )
})

test('the rate limit reports where to continue, whatever happened to the lines before it', () => {
  const { result, error } = toBatchAnswer({
    accepted: 1,
    refused: [],
    stop: { line: 2, reason: limited },
  })
  assert.deepEqual([error?.status, error?.retryAfter, result.next], [429, 3, 2])
  const both = toBatchAnswer({
    accepted: 0,
    refused: [refused(1, gone)],
    stop: { line: 2, reason: limited },
  })
  assert.deepEqual([both.error?.status, both.result.next], [503, 2])
  const first = toBatchAnswer({ accepted: 0, refused: [], stop: { line: 1, reason: limited } })
  assert.deepEqual(
    [first.error?.status, first.result],
    [429, { accepted: 0, refused: [], next: 1 }],
  )
})
