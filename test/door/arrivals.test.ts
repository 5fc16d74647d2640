import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, BlockList, connect, createServer } from 'node:net'
import { it } from 'node:test'
import { createArrivals } from '../../src/door/arrivals.ts'
import { silentMeter } from '../../src/metrics/meter.ts'
import { v2Header } from '../support/proxy-header.ts'
import { untilClosed } from '../support/raw.ts'

it('a PROXY protocol header that is late ends its connection', async () => {
  const refusals: string[] = []
  const cuts: string[] = []
  const from = new BlockList()
  from.addAddress('127.0.0.1')
  const arrivals = createArrivals({
    door: 'mqtt',
    meter: { ...silentMeter, connectionCut: (_door, reason) => void cuts.push(reason) },
    version: 'any',
    from,
    timeoutMs: 20,
    maxPending: 10,
    onRefused: (refusal) => void refusals.push(refusal),
  })
  await using server = createServer(arrivals.receive(() => assert.fail('there is no header')))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const sockets = ['', v2Header('2001:db8::1', 1).subarray(0, 20)].map((bytes) => {
    const socket = connect(port, '127.0.0.1')
    socket.write(bytes)
    return socket.resume()
  })
  await Promise.all(sockets.map(untilClosed))
  assert.deepEqual(refusals, ['timeout', 'timeout'])
  assert.deepEqual(cuts, ['proxy_header', 'proxy_header'])
})
