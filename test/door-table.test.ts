import assert from 'node:assert/strict'
import { test } from 'node:test'
import { doorsWith } from '../src/door-table.ts'

test('doors are found by their traits', () => {
  assert.deepEqual(doorsWith({ process: 'serve' }), ['device', 'proxy', 'mqtt', 'viewer', 'ops'])
  assert.deepEqual(doorsWith({ process: 'serve', speaksMqtt: true }), ['device', 'proxy', 'mqtt'])
  assert.deepEqual(doorsWith({ hasTls: false }), ['ops', 'enrol-ops'])
  assert.deepEqual(doorsWith({ process: 'enrol', speaksMqtt: true }), [])
})
