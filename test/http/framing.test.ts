import assert from 'node:assert/strict'
import type { Http2ServerRequest } from 'node:http2'
import { it } from 'node:test'
import { requestProblem } from '../../src/http/framing.ts'

/** A request with these headers, as Node has parsed it. */
function problemOf(httpVersion: string, ...headers: [name: string, value: string][]) {
  const request = {
    httpVersion,
    httpVersionMajor: Number(httpVersion[0]),
    // Node keeps the first of several Host headers
    headers: Object.fromEntries(headers.map(([n, value]) => [n.toLowerCase(), value]).reverse()),
    rawHeaders: headers.flat(),
  }
  return requestProblem(request as unknown as Http2ServerRequest)?.message ?? null
}

const CHUNKED = ['Transfer-Encoding', 'chunked'] as [string, string]

it('a request is accepted with one host and no doubt about its length', () => {
  const accepted = [
    problemOf('1.1', ['Host', 'x']),
    problemOf('1.1', ['Host', ''], ['Transfer-Encoding', 'Chunked']),
    problemOf('1.0'),
    problemOf('1.0', ['hOST', 'x']),
    problemOf('2.0', [':authority', 'x']),
    problemOf('2.0', ['host', 'x']),
    problemOf('2.0', ['host', 'X:1'], [':authority', 'x:1']),
  ]
  assert.deepEqual(accepted, Array(accepted.length).fill(null))
})

it('a request is refused if it has so many headers that Node may drop some', () => {
  const others = Array.from({ length: 127 }, (_, n) => [`X-${n}`, ''] as [string, string])
  assert.equal(problemOf('1.1', ...others, ['Host', 'x']), null)
  const problem = 'A request may have at most 128 header fields.'
  assert.equal(problemOf('1.1', ['X', ''], ...others, ['Host', 'x']), problem)
})

it('a request is refused where a server in between might read it differently', () => {
  const one = 'A request must have only one Host header.'
  const coding = 'The only supported transfer coding is "chunked".'
  const same = 'The Host header and the :authority of a request must be the same.'
  for (const [found, problem] of [
    [problemOf('1.1'), 'An HTTP/1.1 request must have a Host header.'],
    [problemOf('1.1', ['Host', 'x'], ['HOST', 'x']), one],
    [problemOf('1.0', ['Host', 'x'], ['host', 'y']), one],
    [problemOf('1.0', CHUNKED), 'An HTTP/1.0 request must not have a Transfer-Encoding header.'],
    [problemOf('1.1', ['Host', 'x'], ['Transfer-Encoding', 'gzip, chunked']), coding],
    [problemOf('1.1', ['Host', 'x'], ['Transfer-Encoding', 'chunked ']), coding],
    [problemOf('1.1', ['Host', 'x'], ['Transfer-Encoding', '']), coding],
    [problemOf('2.0', ['host', 'x'], [':authority', 'y']), same],
    [problemOf('2.0', ['host', ''], [':authority', 'y']), same],
  ])
    assert.equal(found, problem)
})
