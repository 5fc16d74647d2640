import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Will } from '../../../src/broker/session.ts'
import { openFile, openManual, temporaryDirectory } from './stores.ts'

const properties = {
  contentType: 'text/plain',
  correlationData: Buffer.from([0, 255]),
  userProperties: [['a', '1']],
} as const

function willOf(payload: string, more: Partial<Will> = {}): Will {
  const message = { topic: 'gone', payload: Buffer.from(payload), qos: 1, retain: true } as const
  return { message: { ...message, properties }, messageExpiry: 60, delay: 30, ...more }
}

test('wills survive a restart with all their fields and when they are due', async () => {
  const directory = temporaryDirectory()
  const before = await openFile(directory)
  await before.connect('connected', { will: willOf('1') })
  const vanished = await before.connect('vanished', { will: willOf('2', { messageExpiry: null }) })
  const parted = await before.connect('parted', { will: willOf('3') })
  await before.connect('back', { will: willOf('4') })
  const start = Date.now()
  vanished.leave()
  const end = Date.now()
  parted.leave({ sendsWill: false })
  await before.connect('back')
  await before.connect('replaced', { will: willOf('5') })
  await before.connect('replaced', { will: willOf('6', { delay: 0 }) })
  await before.crash()

  const { store } = await openFile(directory)
  const wills = new Map([...store.wills.all()].map((kept) => [kept.client, kept]))
  assert.deepEqual([...wills.keys()].toSorted(), ['connected', 'replaced', 'vanished'])
  const connected = wills.get('connected') ?? assert.fail()
  assert.deepEqual([connected.will, connected.due], [willOf('1'), null])
  const { will, due } = wills.get('vanished') ?? assert.fail()
  assert.deepEqual(will, willOf('2', { messageExpiry: null }))
  assert.ok(due !== null && start + 30_000 <= due && due <= end + 30_000)
  assert.deepEqual(wills.get('replaced')?.will, willOf('6', { delay: 0 }))
})

test('the payload and properties of a will are copies', async () => {
  const { store, connect } = await openManual()
  const payload = Buffer.from('1234')
  const correlationData = Buffer.from('56')
  const { message, ...rest } = willOf('')
  void connect('a', {
    will: { message: { ...message, payload, properties: { correlationData } }, ...rest },
  })
  payload.fill(0)
  correlationData.fill(0)
  const kept = store.wills.get('a')?.will.message
  assert.deepEqual(
    [String(kept?.payload), String(kept?.properties?.correlationData)],
    ['1234', '56'],
  )
})

test('a client whose will could not be stored is not connected', async () => {
  const { store, connect, next } = await openManual()
  const connected = connect('a', { will: willOf('1') })
  ;(await next()).fail(new Error('full'))
  await assert.rejects(connected, { code: 'broker_unavailable' })
  assert.equal(store.wills.get('a'), undefined)
  assert.equal(store.sessions.find('a')?.link, null)
})

test('an older will does not change the one that replaced it', async () => {
  const directory = temporaryDirectory()
  const before = await openFile(directory)
  const { wills } = before.store
  const first = await wills.put('a', willOf('1'))
  const second = await wills.put('a', willOf('2'))
  wills.postpone(first, 5)
  wills.remove(first)
  assert.equal(wills.get('a'), second)
  await before.crash()
  const { store } = await openFile(directory)
  const kept = store.wills.get('a') ?? assert.fail()
  assert.deepEqual([kept.client, kept.will, kept.due], ['a', willOf('2'), null])
})
