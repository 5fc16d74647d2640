import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseShared } from '../../src/broker/groups.ts'
import type { TestClient } from './store/clients.ts'
import { openMemory } from './store/stores.ts'
import type { Settings, TestBroker } from './store/test-broker.ts'

/** A group of connected clients without sessions, by name. */
async function groupOf(names: readonly string[], settings?: Settings) {
  const at = await openMemory(settings)
  const members: TestClient[] = []
  for (const name of names) {
    const member = await at.connect(name, { expiry: 0 })
    await member.subscribe('$share/g/#', 1)
    members.push(member)
  }
  return { ...at, members }
}

async function publishMany({ publish }: TestBroker, count: number, topic = 'x'): Promise<void> {
  for (let n = 0; n < count; n++) await publish(topic, String(n))
}

const waiting = (members: readonly TestClient[]) =>
  members.map(({ session }) => session.queue.length())

describe('a group that shares a subscription', () => {
  it('gives each message to one member, in turn', async () => {
    const { members, ...at } = await groupOf(['a', 'b', 'c'])
    await publishMany(at, 9)
    assert.deepEqual(waiting(members), [3, 3, 3])
    const all = members.flatMap((member) => member.queued())
    assert.deepEqual(
      all.toSorted(),
      Array.from({ length: 9 }, (_, n) => String(n)),
    )
  })

  it('skips members without room while another has some, and loses nothing when none has', async () => {
    const { members, ...at } = await groupOf(['a', 'b', 'c'])
    const [a, b, c] = members as [TestClient, TestClient, TestClient]
    a.link.hasRoom = () => false
    await publishMany(at, 6)
    const [none, ...others] = waiting(members)
    assert.equal(none, 0)
    assert.ok(others.every((count) => count > 0))
    for (const member of [b, c]) member.link.hasRoom = () => false
    await publishMany(at, 6)
    assert.equal(
      waiting(members).reduce((sum, count) => sum + count),
      12,
    )
  })

  it('skips members that may not read the message by the current rules', async () => {
    const rules = 'pattern readwrite open/#\nuser a\ntopic readwrite #\n'
    const { members, ...at } = await groupOf(['a', 'b'], { rules })
    await publishMany(at, 4, 'open/x')
    assert.deepEqual(waiting(members), [2, 2])
    await publishMany(at, 4, 'closed')
    assert.deepEqual(waiting(members), [6, 2])
    const [a] = members as [TestClient]
    a.acknowledge(...a.send())
    a.leave()
    await publishMany(at, 4, 'closed')
    assert.deepEqual(waiting(members), [0, 2])
  })

  it('prefers connected members, and queues for absent ones what no connected one can have', async () => {
    const at = await openMemory()
    const [away, later] = [await at.connect('away'), await at.connect('later')]
    for (const member of [away, later]) await member.subscribe('$share/g/#', 1)
    const present = await at.connect('present', { expiry: 0 })
    await present.subscribe('$share/g/#', 1)
    for (const member of [away, later]) member.leave()
    await publishMany(at, 3)
    assert.deepEqual(waiting([away, later, present]), [0, 0, 3])
    present.acknowledge(...present.send())
    present.leave()
    await publishMany(at, 4)
    assert.deepEqual(waiting([away, later]), [2, 2])
  })

  it('drops a message of QoS 0 while all members are away', async () => {
    const at = await openMemory()
    const [away, qos0] = [await at.connect('away'), await at.connect('qos0')]
    await away.subscribe('$share/g/#', 1)
    await qos0.subscribe('$share/h/#', 0)
    for (const member of [away, qos0]) member.leave()
    await at.publish('x', '1', { qos: 0 })
    await at.publish('x', '2')
    assert.deepEqual([away.queued(), qos0.queued()], [['2'], []])
  })

  it('is separate for each name and filter, and from the ordinary subscriptions of its members', async () => {
    const at = await openMemory()
    const client = await at.connect('a')
    await client.subscribe('$share/g/#', 1, { identifier: 1 })
    await client.subscribe('$share/h/#', 2, { identifier: 2 })
    await client.subscribe('$share/g/+', 1, { identifier: 3 })
    await client.subscribe('x', 1, { identifier: 4 })
    await client.subscribe('+', 1, { identifier: 5 })
    await at.publish('x', '1', { qos: 2 })
    const seen = client.entries().map(({ identifiers, qos }) => [identifiers?.toSorted(), qos])
    assert.deepEqual(seen.map(String).toSorted(), ['1,1', '2,2', '3,1', '4,5,1'])
    await client.unsubscribe('$share/g/#')
    await at.publish('x', '2')
    assert.equal(client.entries().length, 4 + 3)
  })
})

describe('the name of a shared subscription', () => {
  it('is split into group and filter', () => {
    const share = fc.string({ minLength: 1 }).filter((name) => !name.includes('/'))
    fc.assert(
      fc.property(share, fc.string(), (share, filter) => {
        assert.deepEqual(parseShared(`$share/${share}/${filter}`), { share, filter })
      }),
    )
  })

  it('may lack its filter; an ordinary filter is not one', () => {
    assert.deepEqual(parseShared('$share/g'), { share: 'g', filter: '' })
    assert.deepEqual(parseShared('$share//x'), { share: '', filter: 'x' })
    for (const filter of ['$share', '$shared/g/x', 'share/g/x', '/$share/g/x', '#'])
      assert.equal(parseShared(filter), null)
  })
})
