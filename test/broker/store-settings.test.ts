import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_LIMITS } from '../../src/broker/store/limits.ts'
import { DEFAULT_RETENTION } from '../../src/broker/store/retention.ts'
import { toLimits, toRetention } from '../../src/broker/store-settings.ts'
import { loadConfig } from '../../src/config/load.ts'

test('the limits of a store without settings are the defaults of the settings', () => {
  const config = loadConfig({}, { aclFile: 'permission.acl', broker: 'file:./data' })
  const limits = toLimits(config)
  assert.deepEqual({ ...DEFAULT_LIMITS, ...limits }, DEFAULT_LIMITS)
  assert.deepEqual(toRetention(config), DEFAULT_RETENTION)
})
