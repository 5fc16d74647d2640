import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { csrIn } from '../../src/http/enrol-request.ts'

const DER = Buffer.from('a request in DER')

describe('a certificate signing request', () => {
  it('is base64, in lines or not, or PEM', () => {
    const base64 = DER.toString('base64')
    const lines = `${base64.slice(0, 8)}\r\n${base64.slice(8)}\n`
    const pem = (name: string) => `\n-----BEGIN ${name}-----\n${lines}-----END ${name}-----\n`
    for (const text of [
      ...[base64, lines, ` ${base64} \n`, base64.replace(/=*$/, '')],
      ...[pem('CERTIFICATE REQUEST'), pem('NEW CERTIFICATE REQUEST')],
    ])
      assert.deepEqual(csrIn(Buffer.from(text)), DER, text)
    for (const text of ['', ' ', '=', `${base64}!`, `${base64}${base64}`, pem('CERTIFICATE')])
      assert.equal(csrIn(Buffer.from(text)), null, text)
  })

  it('is parsed quickly, whatever an anonymous client sends', () => {
    const started = process.cpuUsage()
    for (const blank of [' ', '\n', '=', 'A'])
      assert.equal(csrIn(Buffer.from(`A${blank.repeat(100_000)}!`)), null)
    assert.ok(process.cpuUsage(started).user < 1_000_000)
  })
})
