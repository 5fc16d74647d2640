import assert from 'node:assert/strict'
import { test } from 'node:test'
import { timeTexts } from '../../src/dashboard/time-texts.ts'

test('the marks of an axis show the day once, and seconds where they are close', () => {
  const noon = new Date(2026, 10, 24, 12).getTime() / 1000
  const day = new Date(noon * 1000).toLocaleDateString()
  const close = timeTexts([noon, noon + 30])
  assert.match(close[0] ?? '', /12:00:00[^\n]*\n/)
  assert.ok(close[0]?.endsWith(`\n${day}`))
  assert.match(close[1] ?? '', /12:00:30[^\n]*$/)
  assert.doesNotMatch(timeTexts([noon, noon + 3600])[0] ?? '', /00:00/)
  assert.equal(timeTexts([noon, noon + 86_400, noon + 172_800])[0], day)
  assert.equal(timeTexts([noon, noon + 43_200])[1]?.split('\n').length, 2)
  assert.deepEqual(timeTexts([]), [])
})
