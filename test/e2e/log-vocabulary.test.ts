import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { it } from 'node:test'
import { revokeViewer } from '../../src/viewer/book.ts'
import { changeBook } from '../../src/viewer/book-file.ts'
import { inviteViewer } from '../../src/viewer/invite.ts'
import { eventSource, http1 } from '../support/clients.ts'
import { startGateway } from '../support/gateway.ts'
import { connectClient } from '../support/packet-client.ts'
import { rawTls } from '../support/raw.ts'

const ID = 'device.d.wott.local'
const ACL = `user ${ID}\ntopic readwrite mine/#\nuser alice\ntopic read mine/#\n`

/** The fields of log lines that say who, where, when and why, and others that lines may have. */
const WORDS: ReadonlySet<string> = new Set([
  ...['level', 'time', 'msg', 'repeated'],
  ...['device', 'client', 'viewer', 'door', 'address', 'reason', 'detail'],
  ...['protocol', 'seconds', 'expires', 'action', 'topic', 'limit', 'objection'],
  ...['file', 'rules', 'errors', 'lost', 'more', 'count', 'withoutList'],
  ...['serial', 'authority'],
])

it('the log uses the same fields for clients in every line', async () => {
  await using at = await startGateway({
    acl: ACL,
    settings: { maxPayload: '1024', maxConnectionsPerDevice: '4', certificateWarningDays: '30' },
  })
  const device = await at.pki.issue(ID)
  const said = (msg: string) => at.logged((line) => line.msg === msg)

  // devices
  const client = await connectClient(at, device, 'probe')
  assert.equal(await client.publish('theirs', 'x', { qos: 1 }), 0x87)
  await client.disconnect()
  const denied = await said('denied by the access control file')
  assert.deepEqual([denied.device, denied.door], [ID, 'mqtt'])
  await http1(at, device, { path: '/topics/mine/a', method: 'POST', body: 'x'.repeat(2000) })
  assert.equal((await said('refused a payload that is too large')).device, ID)
  const others = await Promise.all(Array.from({ length: 5 }, () => rawTls(at, device)))
  assert.equal((await said('the maximum number of connections is reached')).device, ID)
  for (const socket of others) socket.destroy()

  // viewers
  const code = await inviteViewer(at.viewersFile, 'alice', 3_600_000)
  assert.equal((await said('a viewer was invited')).viewer, 'alice')
  const body = JSON.stringify({ code })
  const door = { port: at.ports.viewer }
  const logIn = await http1(at, null, {
    ...door,
    path: '/session',
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
  })
  assert.equal(logIn.status, 200)
  const entered = await said('a viewer has logged in')
  assert.deepEqual(
    [entered.viewer, entered.door, entered.address],
    ['alice', 'viewer', '127.0.0.1'],
  )

  // rights
  const staying = await connectClient(at, device, 'staying')
  await writeFile(at.aclFile, `user ${ID}\ntopic read mine/#\n`)
  await at.gateway.reload()
  const lost = await said('has lost rights with the new access control file')
  assert.deepEqual([lost.device, lost.lost], [ID, ['publish mine/#']])

  // viewers and devices that are disconnected
  await changeBook(at.viewersFile, Date.now(), (book) => ({
    book: revokeViewer(book, 'alice'),
    result: null,
  }))
  const out = await said('a viewer was logged out')
  assert.deepEqual([out.viewer, out.reason], ['alice', 'revoked'])
  using _stream = await eventSource(at, device, '/stream?filter=mine/%23')
  await at.pki.revoke(device.serial)
  await at.gateway.reload()
  const listed = await said('a certificate was revoked')
  assert.deepEqual([listed.serial, listed.reason], [device.serial, 'revoked'])
  const ended = await at.logged(
    ({ msg, door }) =>
      msg === 'ending a connection whose certificate no longer holds' && door === 'device',
  )
  assert.deepEqual([ended.device, ended.address, ended.reason], [ID, '127.0.0.1', 'CERT_REVOKED'])
  await staying.closed
  await http1(at, device, { path: '/whoami' })
  assert.equal((await said('refused a certificate')).device, ID)

  for (const line of at.log)
    assert.deepEqual(
      Object.keys(line).filter((word) => !WORDS.has(word)),
      [],
      JSON.stringify(line),
    )
})
