import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createByEnds } from '../../src/door/by-ends.ts'
import { type SocketAddresses, standInFor } from '../../src/door/peer.ts'

function ends(remoteAddress: string, remotePort: number, localAddress = '192.0.2.1') {
  return { remoteAddress, remotePort, localAddress, localPort: 8883 }
}

it('connections with the same port of the client are told apart by the other ends', () => {
  const connections = createByEnds<{ readonly socket: SocketAddresses }>()
  const sockets = [
    ends('198.51.100.1', 4000),
    ends('198.51.100.2', 4000),
    ends('198.51.100.1', 4000, '192.0.2.2'),
    ends('198.51.100.1', 4001),
  ]
  const items = sockets.map((socket) => ({ socket }))
  for (const item of items) connections.add(item)
  const found = () => sockets.map((socket) => connections.find({ ...socket }))
  assert.deepEqual(found(), items)
  const [first, second, ...others] = items
  if (second) connections.remove(second)
  if (second) connections.remove(second)
  assert.deepEqual(found(), [first, null, ...others])
  assert.equal(connections.find(ends('198.51.100.1', 5000)), null)
})

it('a connection is found by its real ends, whatever client address it shows', () => {
  const connections = createByEnds<{ readonly socket: SocketAddresses }>()
  const raw = ends('203.0.113.1', 4000)
  const item = { socket: raw }
  connections.add(item)
  standInFor(raw, { address: '198.51.100.1', port: 1 })
  assert.equal(raw.remoteAddress, '198.51.100.1')
  assert.equal(connections.find(ends('203.0.113.1', 4000)), item)
  assert.equal(connections.find(ends('198.51.100.1', 1)), null)
  connections.remove(item)
  assert.equal(connections.find(ends('203.0.113.1', 4000)), null)
})

it('connections of many devices that use one port of theirs are found as quickly', () => {
  const connections = createByEnds<{ readonly socket: SocketAddresses }>()
  let compared = 0
  const items = Array.from({ length: 5_000 }, (_, index) => {
    const { remoteAddress, ...others } = ends(`10.0.${index >> 8}.${index & 255}`, 49_153)
    const socket = {
      ...others,
      get remoteAddress() {
        compared += 1
        return remoteAddress
      },
    }
    return { socket }
  })
  for (const item of items) connections.add(item)
  for (const item of items) assert.equal(connections.find(item.socket), item)
  assert.ok(compared < 10 * items.length, `${compared}`)
})
