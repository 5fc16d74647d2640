import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { describe, it } from 'node:test'
import { leaveOldStore, RELEASES } from '../broker/store/old-gateway.ts'
import { type DevGateway, startDev } from '../cli/dev-gateway.ts'
import { samePorts, start, startGateway, temporaryFolder } from '../cli/program.ts'
import { eventSource, mqtt } from '../support/clients.ts'
import { startGateway as startHere } from '../support/gateway.ts'

const TOPIC = 'wott/temperature'

describe('sub over HTTPS, when the gateway restarts', () => {
  const publish = async (at: DevGateway, from: number, to: number) => {
    for (let n = from; n <= to; n++) await at.pub(TOPIC, String(n), ...at.via.https)
  }
  /** Starts `sub`; resolves once it is subscribed. */
  async function follow(at: DevGateway) {
    await at.pub(TOPIC, 'ready', '--retain', ...at.via.https)
    const program = start(['sub', TOPIC, ...at.via.https], at)
    await program.line(/ready$/)
    return program
  }

  it('after a clean end prints every message once, in order, without a gap', async () => {
    await using at = await startDev()
    await using program = await follow(at)
    await publish(at, 1, 3)
    await program.line(/ 3$/)
    await at.restart(() => program.line(/lost the connection to localhost:\d+; reconnecting$/))
    await publish(at, 4, 6)
    await program.line(/ 6$/)
    program.process.kill('SIGINT')
    const { stdout, stderr } = await program.ended
    const expected = ['ready', 1, 2, 3, 4, 5, 6].map((value) => `${TOPIC} ${value}\n`)
    assert.equal(String(stdout), expected.join(''))
    assert.doesNotMatch(stderr, /missing|no longer in the history/)
  })

  it('after kill -9 reports a gap, and prints nothing twice', async () => {
    await using at = await startDev()
    await using program = await follow(at)
    await publish(at, 1, 3)
    await program.line(/ 3$/)
    at.program.process.kill('SIGKILL')
    await program.line(/lost the connection .*; reconnecting$/)
    await using again = await startGateway(['dev', ...samePorts(at.program)], { cwd: at.cwd })
    await publish(at, 4, 6)
    await program.line(/ 6$/)
    program.process.kill('SIGINT')
    const { stdout, stderr } = await program.ended
    const numbers = String(stdout).match(/\d+$/gm)
    assert.deepEqual(numbers, ['1', '2', '3', '4', '5', '6'])
    assert.match(stderr, /QoS 0 messages of its last second may be missing/)
    assert.ok(again)
  })
})

describe('the history in the folder of the store', () => {
  for (const release of RELEASES)
    it(`continues for a browser that stays open over the update of an older gateway: ${release}`, async () => {
      await using folder = await temporaryFolder()
      const { events, first } = leaveOldStore(release, folder.path)
      await using at = await startHere({
        acl: 'pattern readwrite #\n',
        settings: { broker: `file:${folder.path}` },
      })
      const browser = await at.pki.issue('browser.d.wott.local')
      const publisher = await mqtt(at, browser)
      await publisher.publishAsync('new', '1', { qos: 1 })
      await publisher.endAsync()
      const expected = [
        ...events.slice(first).map(({ topic, payload }) => `${topic} ${payload}`),
        'new 1',
      ]
      for (const passed of [0, 3, events.length - first]) {
        const headers = { 'last-event-id': events[first + passed - 1]?.id ?? '' }
        using stream = await eventSource(at, browser, '/stream?filter=%23', headers)
        for (const text of expected.slice(passed)) {
          const { event, data } = await stream.next()
          assert.equal(event, undefined)
          const { topic, payload } = JSON.parse(data)
          assert.equal(`${topic} ${payload}`, text)
        }
      }
      const headers = { 'last-event-id': events[first - 2]?.id ?? '' }
      using late = await eventSource(at, browser, '/stream?filter=%23', headers)
      const { event, data } = await late.next()
      assert.equal(`${event} ${JSON.parse(data).reason}`, 'gap expired')
    })

  it('is not changed by a gateway that finds the folder in use', async () => {
    await using folder = await temporaryFolder()
    const settings = { broker: `file:${folder.path}` }
    const acl = 'pattern readwrite #\n'
    const first = await startHere({ acl, settings })
    const device = await first.pki.issue('device.d.wott.local')
    const publisher = await mqtt(first, device)
    using before = await eventSource(first, device, '/topics/a')
    for (const payload of ['1', '2']) await publisher.publishAsync('a', payload, { qos: 1 })
    const { id = '' } = await before.next()
    await publisher.endAsync()

    await assert.rejects(startHere({ acl, settings }), /in use by another process/)
    assert.equal(existsSync(`${folder.path}/history.ndjson`), false)

    await first.gateway.drain()
    await assert.rejects(startHere({ acl, settings: { ...settings, opsListen: '192.0.2.1:1' } }))
    await using second = await startHere({ acl, settings })
    const again = await second.pki.issue('device.d.wott.local')
    using after = await eventSource(second, again, '/topics/a', { 'last-event-id': id })
    assert.equal(JSON.parse((await after.next()).data).payload, '2')
    await first[Symbol.asyncDispose]()
  })
})
