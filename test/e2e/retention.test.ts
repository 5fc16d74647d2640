import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { temporaryFolder } from '../cli/program.ts'
import { eventSource, mqtt } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'

const WEEK_MS = 7 * 24 * 60 * 60 * 1000

async function untilLogHas(entries: number, at: TestGateway): Promise<void> {
  await at.until('wott_log_entries', entries)
}

describe('expired messages', () => {
  it('leave the log; a stream that resumes before them is told of the gap, and receives the rest', async () => {
    await using folder = await temporaryFolder()
    const settings = { broker: `file:${folder.path}` }
    const acl = 'pattern readwrite #\n'
    const first = await startGateway({ acl, settings })
    const device = await first.pki.issue('device.d.wott.local')
    const publisher = await mqtt(first, device)
    using before = await eventSource(first, device, '/topics/a')
    for (const payload of ['1', '2', '3', '4'])
      await publisher.publishAsync('a', payload, { qos: 1 })
    const { id = '' } = await before.next()
    await publisher.endAsync()
    await first[Symbol.asyncDispose]()

    const db = new DatabaseSync(`${folder.path}/broker.sqlite`)
    db.exec(`UPDATE log SET stored = stored - ${WEEK_MS} WHERE CAST(payload AS TEXT) <> '4'`)
    db.close()

    await using second = await startGateway({ acl, settings })
    await untilLogHas(1, second)
    const again = await second.pki.issue('device.d.wott.local')
    using after = await eventSource(second, again, '/topics/a', { 'last-event-id': id })
    const gap = await after.next()
    assert.equal(gap.event, 'gap')
    assert.equal(JSON.parse(gap.data).reason, 'expired')
    assert.equal(JSON.parse((await after.next()).data).payload, '4')
  })
})
