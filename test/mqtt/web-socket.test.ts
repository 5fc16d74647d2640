import assert from 'node:assert/strict'
import { once } from 'node:events'
import { it } from 'node:test'
import mqttPacket from 'mqtt-packet'
import { WebSocket } from 'ws'
import { http1 } from '../support/clients.ts'
import { startGateway } from '../support/gateway.ts'
import { connectPacket } from '../support/raw-mqtt.ts'

it('each WebSocket message from the gateway holds whole packets, however many and large', async () => {
  await using at = await startGateway({ acl: 'pattern readwrite #\n' })
  const device = await at.pki.issue('device')
  const socket = new WebSocket(`wss://localhost:${at.ports.device}/mqtt`, 'mqtt', {
    ca: device.ca,
    cert: device.certificate,
    key: device.key,
  })
  await using _ = { [Symbol.asyncDispose]: async () => socket.terminate() }
  await once(socket, 'open')
  let packets = 0
  const parser = mqttPacket.parser()
  const subscribed = Promise.withResolvers<void>()
  const done = Promise.withResolvers<void>()
  parser.on('packet', ({ cmd }) => {
    if (cmd === 'suback') subscribed.resolve()
    if (cmd === 'publish') packets += 1
    if (packets === 301) done.resolve()
  })
  socket.on('message', (bytes: Buffer) => {
    if (parser.parse(bytes) !== 0) done.reject(new Error('a packet in two messages'))
  })
  socket.send(mqttPacket.generate(connectPacket()))
  socket.send(
    mqttPacket.generate({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [{ topic: '#', qos: 0 }],
    }),
  )
  await subscribed.promise
  const body = Array.from({ length: 300 }, (_, n) =>
    JSON.stringify({ topic: `a/${n}`, payload: 'x'.repeat(1000) }),
  ).join('\n')
  const headers = { 'content-type': 'application/x-ndjson' }
  await http1(at, device, { path: '/topics', method: 'POST', headers, body })
  const large = 'x'.repeat(128 * 1024)
  await http1(at, device, { path: '/topics/large', method: 'POST', body: large })
  await done.promise
})

it('a WebSocket is accepted at / and /mqtt, and a refused one is logged with device and reason', async () => {
  await using at = await startGateway({ acl: 'pattern readwrite #\n' })
  const device = await at.pki.issue('device')
  const open = (path: string, protocol: string) =>
    new WebSocket(`wss://localhost:${at.ports.device}${path}`, protocol, {
      ca: device.ca,
      cert: device.certificate,
      key: device.key,
    })
  for (const path of ['/', '/?a=b', '/mqtt']) {
    const socket = open(path, 'mqtt')
    await once(socket, 'open')
    socket.terminate()
  }
  for (const [path, protocol, status, reason] of [
    ['/elsewhere', 'mqtt', 404, 'not_found'],
    ['/', 'chat', 400, 'request_invalid'],
  ] as const) {
    const [request, answer] = await once(open(path, protocol), 'unexpected-response')
    assert.equal(answer.statusCode, status)
    request.destroy()
    const line = await at.logged((one) => one.reason === reason)
    assert.deepEqual(
      [line.msg, line.level, line.door, line.device, line.address],
      ['refused a WebSocket', 'warn', 'device', 'device', '127.0.0.1'],
    )
  }
})
