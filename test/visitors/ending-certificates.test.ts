import assert from 'node:assert/strict'
import { it } from 'node:test'
import { watchEndingCertificates } from '../../src/visitors/ending-certificates.ts'
import { collectLog } from '../support/log.ts'

const DAY_MS = 86_400_000

it('certificates are reported some days before they expire, in that order, after the own ones', (t) => {
  const { log, lines } = collectLog()
  const now = Date.UTC(2030, 0, 1)
  t.mock.timers.enable({ apis: ['Date', 'setInterval', 'setTimeout'], now })
  const ends = new Map([
    ['later', now + 31 * DAY_MS],
    ['soon', now + 30 * DAY_MS],
    ['over', now - 1],
  ])
  const own = () => [
    { authority: null, end: now + 29 * DAY_MS },
    { authority: 'Old CA', end: now - 1 },
    { authority: 'New CA', end: now + 31 * DAY_MS },
  ]
  const stop = watchEndingCertificates({ ends: () => ends, own, days: 30, log })
  t.mock.timers.tick(60_000)
  assert.deepEqual(
    lines.map(({ device, authority, expires, msg }) => [device ?? authority, expires, msg]),
    [
      [undefined, '2030-01-30T00:00:00.000Z', "the gateway's own certificate expires soon"],
      ['Old CA', '2029-12-31T23:59:59.999Z', 'the certificate of a CA has expired'],
      ['over', '2029-12-31T23:59:59.999Z', 'the certificate of a device has expired'],
      ['soon', '2030-01-31T00:00:00.000Z', 'the certificate of a device expires soon'],
    ],
  )
  for (let n = 0; n < 1000; n++) ends.set(`d${n}`, now)
  // a day later, the others end soon, too
  t.mock.timers.tick(DAY_MS - 60_000)
  assert.equal(lines.length, 4 + 3 + 51)
  assert.equal(lines.at(-1)?.count, 1003 - 50)
  stop()
})
