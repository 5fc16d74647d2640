import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { COMMANDS_CLIENT_ID } from '../../src/broker/session.ts'
import { payloadsOf } from './store/clients.ts'
import { copyOf, KINDS, openFile, openMemory, temporaryDirectory } from './store/stores.ts'

const COMMANDS = `device/${COMMANDS_CLIENT_ID}`

describe('the session in which commands wait', () => {
  for (const { name, open } of KINDS)
    it(`keeps QoS 0 messages in order with the others, retained or not, in a ${name} store`, async () => {
      const { connect, publish } = await open()
      const commands = await connect(COMMANDS)
      const other = await connect('device/other')
      for (const client of [commands, other]) await client.subscribe('cmd/#', 1)
      commands.leave()
      other.leave()
      await publish('cmd/a', '1', { qos: 0 })
      await publish('cmd/a', '2', { qos: 1 })
      await publish('cmd/a', '3', { qos: 0, retain: true })
      assert.deepEqual((await connect(COMMANDS)).queued(), ['1', '2', '3'])
      assert.deepEqual((await connect('device/other')).queued(), ['2'])
    })

  it('keeps QoS 0 messages over a crash', async () => {
    const folder = temporaryDirectory()
    const { connect, publish } = await openFile(folder)
    const before = await connect(COMMANDS)
    await before.subscribe('cmd/#', 1)
    before.leave()
    await publish('cmd/a', '1', { qos: 0 })
    await publish('cmd/a', '2', { qos: 0, retain: true })
    const again = await openFile(copyOf(folder))
    assert.deepEqual((await again.connect(COMMANDS)).queued(), ['1', '2'])
  })

  it('keeps QoS 0 messages that many sessions receive', async () => {
    const { connect, publish } = await openMemory()
    const names = Array.from({ length: 10 }, (_, index) => `device${index}/${COMMANDS_CLIENT_ID}`)
    for (const name of names) {
      const { subscribe, leave } = await connect(name)
      await subscribe('cmd/#', 1)
      leave()
    }
    await publish('cmd/a', '1', { qos: 0 })
    for (const name of names) assert.deepEqual((await connect(name)).queued(), ['1'])
  })

  it('is woken once a QoS 0 message waits', async () => {
    const { connect, publish } = await openMemory()
    const { link, subscribe, queued } = await connect(COMMANDS)
    await subscribe('cmd/#', 1)
    await publish('cmd/a', '1', { qos: 0 })
    assert.deepEqual([link.woken, link.delivered, queued()], [1, [], ['1']])
  })

  it('repeats what was sent on the same connection, first and in order', async () => {
    const { broker, connect, publish } = await openMemory()
    const { session, subscribe, send, acknowledge } = await connect(COMMANDS)
    await subscribe('cmd/#', 1)
    for (const payload of ['1', '2', '3']) await publish('cmd/a', payload)
    const [first] = send(2)
    assert.ok(first)
    acknowledge(first)
    broker.sessions.rewind(session)
    assert.deepEqual(payloadsOf(send()), ['2', '3'])
  })
})
