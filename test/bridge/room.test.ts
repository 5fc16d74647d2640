import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { freePort } from '../support/free-port.ts'
import { startMosquitto } from '../support/mosquitto.ts'
import { readerOf, startBridged, storeFolder } from './site.ts'

const HOUR = 3_600_000

/** A store with five messages of an hour ago that are not forwarded, and then `count` that still have to be. */
async function agedStore(port: number, count: number): Promise<string> {
  const folder = storeFolder()
  {
    await using at = await startBridged({ port, folder, topics: 't out' })
    const here = await at.client()
    for (let n = 0; n < 5; n++) await here.publishAsync('stays', `${n}`, { qos: 1 })
    for (let n = 0; n < count; n++) await here.publishAsync('t', `${n}`, { qos: 1 })
    await here.endAsync()
  }
  const db = new DatabaseSync(join(folder, 'broker.sqlite'))
  db.exec(`UPDATE log SET stored = stored - ${HOUR}`)
  db.close()
  return folder
}

describe('the log of a gateway with a bridge', () => {
  it('keeps messages past WOTT_HISTORY_AGE until they are forwarded', async () => {
    const port = await freePort()
    const folder = await agedStore(port, 20)
    await using at = await startBridged({
      port,
      folder,
      topics: 't out',
      settings: { historyAge: '60' },
    })
    // of the five, only the latest is left
    await at.until('wott_log_entries', 21)
    assert.equal(await at.metric('wott_bridge_lag_messages'), 20)
    await using _ = await startMosquitto({ port })
    await using there = await readerOf(port)
    await there.count(20)
    await at.until('wott_log_entries', 2)
    assert.equal(await at.metric('wott_bridge_lost_total{reason="no_room"}'), 0)
  })

  it('counts and logs messages that WOTT_HISTORY_BYTES deletes before they are forwarded', async () => {
    const port = await freePort()
    const folder = await agedStore(port, 20)
    const settings = { historyBytes: '1KiB', historyBytesPerDevice: '1MiB' }
    await using at = await startBridged({ port, folder, topics: 't out', settings })
    // each has 103 bytes; one more is the latest of the five
    await at.until('wott_log_entries', 9)
    assert.equal(await at.metric('wott_bridge_lost_total{reason="no_room"}'), 12)
    await at.logged(({ msg }) => `${msg}`.startsWith('messages were deleted before they were sent'))
  })
})
