import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { connectClient, plain } from '../support/packet-client.ts'
import { suiteGateway } from '../support/suite-gateway.ts'

const ACL = 'pattern readwrite #\n'
const SESSION = { properties: { sessionExpiryInterval: 3600 } }

describe('attacks with the times of MQTT 5', async () => {
  const { at, device } = await suiteGateway({ acl: ACL })

  const NEVER = 0xffff_ffff

  it('a message with expiry 0 is only delivered to connected subscribers', async () => {
    const sleeper = await connectClient(at, device, 'sleeper', SESSION)
    await sleeper.subscribe([{ topic: 'past', qos: 1 }])
    await sleeper.disconnect()
    using writer = await connectClient(at, device, 'writer')
    const expiring = { qos: 1, retain: true, properties: { messageExpiryInterval: 0 } } as const
    await writer.publish('past', 'x', expiring)
    using late = await connectClient(at, device, 'late')
    await late.subscribe('past')
    await late.ping()
    using awake = await connectClient(at, device, 'sleeper', { ...SESSION, clean: false })
    assert.equal(awake.connack.sessionPresent, true)
    await awake.ping()
  })

  /** A message that waits in a session and is retained when the clock jumps: what both subscribers get of it. */
  async function acrossJump(
    { mock: { timers } }: TestContext,
    messageExpiryInterval: number,
    jump: number,
  ): Promise<string[]> {
    timers.enable({ apis: ['Date'], now: Date.now() })
    await using at = await startGateway({ acl: ACL })
    const device = await at.pki.issue('device.d.wott.local')
    const sleeper = await connectClient(at, device, 'sleeper', SESSION)
    await sleeper.subscribe([{ topic: 'jump', qos: 1 }])
    await sleeper.disconnect()
    using writer = await connectClient(at, device, 'writer')
    const properties = { messageExpiryInterval }
    await writer.publish('jump', 'x', { qos: 1, retain: true, properties })
    timers.setTime(Date.now() + jump)
    using awake = await connectClient(at, device, 'sleeper', { ...SESSION, clean: false })
    using late = await connectClient(at, device, 'late')
    await late.subscribe('jump')
    await writer.publish('jump', 'fence', { qos: 1 })
    const got: string[] = []
    for (const client of [awake, late])
      for (;;) {
        const { payload, properties } = await client.receive()
        if (payload === 'fence') break
        got.push(`${client.clientId} ${properties.messageExpiryInterval}`)
      }
    return got
  }

  it('a message expiry of 0xFFFFFFFF still works when the clock is set back', async (context) => {
    const got = await acrossJump(context, NEVER, -10_000)
    assert.deepEqual(got, [`sleeper ${NEVER}`, `late ${NEVER}`])
  })

  it('a message expiry of a minute lasts a minute, also when the clock is set ahead by ten minutes', async (context) => {
    const [first = '', second = ''] = await acrossJump(context, 60, 600_000)
    assert.match(first, /^sleeper (?:60|5\d)$/)
    assert.match(second, /^late (?:60|5\d)$/)
  })

  for (const asked of [undefined, 0, 3600, NEVER])
    for (const left of [undefined, 0, 3600, NEVER])
      it(`a session expiry of ${asked} in CONNECT and of ${left} in DISCONNECT`, async () => {
        const clientId = `expiry-${asked}-${left}`
        const properties = asked === undefined ? {} : { sessionExpiryInterval: asked }
        using client = await connectClient(at, device, clientId, { properties })
        const leaving = left === undefined ? {} : { sessionExpiryInterval: left }
        client.send({ cmd: 'disconnect', reasonCode: 0, properties: leaving })
        // nobody prolongs what was to end [MQTT-3.14.2-2]
        if (!asked && left) assert.equal((await client.expect('disconnect')).reasonCode, 0x82)
        await client.closed
        using again = await connectClient(at, device, clientId, { clean: false })
        assert.equal(again.connack.sessionPresent, Boolean(asked) && left !== 0)
      })

  it('a will delay of 0xFFFFFFFF lasts as long as the session, and does not delay other wills', async () => {
    using witness = await connectClient(at, device, 'witness')
    await witness.subscribe('last/#')
    const leave = async (clientId: string, sessionExpiryInterval: number) => {
      const will = {
        topic: `last/${clientId}`,
        payload: Buffer.from('x'),
        qos: 0,
        retain: false,
        properties: { willDelayInterval: NEVER },
      } as const
      const terms = { will, properties: { sessionExpiryInterval } }
      await (await connectClient(at, device, clientId, terms)).drop()
    }
    await leave('waits', NEVER)
    await leave('at-once', 0)
    assert.deepEqual(await witness.receive(), plain('last/at-once', 'x'))
    await leave('in-a-second', 1)
    assert.deepEqual(await witness.receive(), plain('last/in-a-second', 'x'))
    // a clean start ends the session, and with it the wait
    using back = await connectClient(at, device, 'waits', { clean: true })
    assert.deepEqual(await witness.receive(), plain('last/waits', 'x'))
    await back.ping()
  })
})
