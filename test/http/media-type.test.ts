import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { answerType } from '../../src/http/media-type.ts'
import { cpuTime } from '../support/cpu-time.ts'

describe('the content type of an answer', () => {
  for (const type of [
    ...['text/plain', 'application/json', 'image/png', 'a/b', 'application/vnd.x.y+json'],
    ...['text/plain;charset=utf-8', 'text/plain; charset="utf-8"', 'a/b ; c=d;e=f\t;', 'a/b;'],
    ...['a/b;c="d;e=\\"f\\" "', "!#$%&'*+.^_`|~-/!#$%&'*+.^_`|~-", 'A/B', `a/${'b'.repeat(253)}`],
    // the CSP of the answer keeps these from running scripts
    ...['text/html', 'image/svg+xml', 'application/xhtml+xml', 'text/xml'],
    ...['text/plain; name="text/javascript"', 'text/javascriptx', 'xtext/css'],
  ])
    it(`is the publisher's: ${type.slice(0, 50)}`, () => {
      assert.equal(answerType(type), type)
    })

  for (const type of [
    ...[undefined, '', 'text', '/', 'a/', '/b', 'a /b', 'a/b/c', 'text/plain, text/html', '*'],
    ...['a/b;c', 'a/b;c=', 'a/b;=d', 'a/b;c="d', 'a/b c', ' a/b', 'a/b\r\nx-y: z', 'a/b\n', '21.5'],
    ...['a/b;c="\u00fc"', 'a/ü', 'a/b;c="\0"', 'a/b;c="d\\', `a/${'b'.repeat(254)}`],
  ])
    it(`is not set to an invalid media type: ${JSON.stringify(type)?.slice(0, 50)}`, () => {
      assert.equal(answerType(type), 'application/octet-stream')
    })

  it('is checked quickly, whatever the text', () => {
    const spent = cpuTime(() => {
      for (const piece of [' ;', '; \t', ';a=b', ';a="', '\\"', '\\\\', 'a', ' ', ';', '; a="" '])
        for (const end of ['', '\n', 'x\n', '"', ';a'])
          answerType(`a/b${piece.repeat(250 / piece.length)}`.slice(0, 250) + end)
    })
    assert.ok(spent < 1000, `${spent} ms`)
  })

  for (const type of [
    ...['text/javascript', 'Text/JavaScript; charset=utf-8', 'application/javascript'],
    ...['application/x-javascript', 'text/x-ecmascript', 'application/ecmascript'],
    ...['text/javascript1.5', 'text/jscript', 'text/livescript', 'text/css;a=b'],
    ...['multipart/x-mixed-replace; boundary=a', 'multipart/related', 'text/event-stream'],
  ])
    it(`is not one that a page could load as a script or style: ${type}`, () => {
      assert.equal(answerType(type), 'application/octet-stream')
    })
})
