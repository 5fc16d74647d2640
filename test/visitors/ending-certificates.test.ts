import assert from 'node:assert/strict'
import { it } from 'node:test'
import { logEndingCertificates } from '../../src/visitors/ending-certificates.ts'
import { collectLog } from '../support/log.ts'

const DAY_MS = 86_400_000

it('certificates are named from some days before their end on, those that end first first', () => {
  const { log, lines } = collectLog()
  const now = Date.UTC(2030, 0, 1)
  const ends = new Map([
    ['later', now + 31 * DAY_MS],
    ['soon', now + 30 * DAY_MS],
    ['over', now - 1],
  ])
  logEndingCertificates({ ends: () => ends, days: 30, log }, now)
  assert.deepEqual(
    lines.map(({ device, expires, msg }) => [device, expires, msg]),
    [
      ['over', '2029-12-31T23:59:59.999Z', 'the certificate of a device has ended'],
      ['soon', '2030-01-31T00:00:00.000Z', 'the certificate of a device ends soon'],
    ],
  )
  for (let n = 0; n < 1000; n++) ends.set(`d${n}`, now)
  logEndingCertificates({ ends: () => ends, days: 30, log }, now)
  assert.equal(lines.length, 2 + 51)
  assert.equal(lines.at(-1)?.count, 1002 - 50)
})
