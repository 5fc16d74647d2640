import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { type EnrolSite, startEnrolSite } from '../enrol/site.ts'
import { http1, run } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { rawAnswers, untilClosed } from '../support/raw.ts'
import { PREFACE } from '../support/raw-http2.ts'
import { until } from '../support/until.ts'

const SETTINGS = { maxStrangers: '8', maxStrangersPerAddress: '4' }

describe('a client without TLS', () => {
  let at: TestGateway
  let enrol: EnrolSite
  before(async () => {
    at = await startGateway({ acl: 'pattern readwrite #\n', settings: SETTINGS })
    enrol = await startEnrolSite()
  })
  after(async () => {
    await at[Symbol.asyncDispose]()
    await enrol[Symbol.asyncDispose]()
  })

  const siteOf = (door: string) => (door === 'enrol' ? enrol : at)
  const linesOf = (door: string) => (door === 'enrol' ? enrol.lines : at.log)
  const portOf = (door: 'device' | 'mqtt' | 'viewer' | 'enrol') =>
    door === 'enrol' ? enrol.port : at.ports[door]
  const cut = async (door: string, reason = 'plain_text') =>
    (await siteOf(door).metric(`wott_connections_cut_total{door="${door}",reason="${reason}"}`)) ??
    0
  const refused = (door: string) =>
    siteOf(door).metric(`wott_handshakes_total{door="${door}",result="refused"}`)

  async function send(port: number, bytes: string | Buffer): Promise<Socket> {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    await once(socket, 'connect')
    socket.write(bytes)
    return socket
  }

  for (const door of ['device', 'viewer', 'enrol'] as const) {
    it(`is told on the ${door} door that the door speaks HTTPS`, async () => {
      const before = await cut(door)
      const url = `http://127.0.0.1:${portOf(door)}/topics/a`
      const { stdout } = await run('curl', ['-sS', '-i', '-d', '21.5', url])
      assert.match(stdout, /^HTTP\/1\.1 400 .*"detail":"This port needs HTTPS/s)
      assert.match(stdout, /application\/problem\+json/)
      assert.equal(await cut(door), before + 1)
      const line = await siteOf(door).logged(
        (each) => each.door === door && each.protocol === 'HTTP',
      )
      assert.deepEqual([line.level, line.address], ['info', '127.0.0.1'])
    })

    it(`is told so on the ${door} door whatever it sends, and its connection is closed`, async () => {
      for (const bytes of [PREFACE, `GET / HTTP/1.1\r\nX: ${'x'.repeat(1_000_000)}`, 'G']) {
        const socket = await send(portOf(door), bytes)
        const [answer] = rawAnswers(await untilClosed(socket))
        assert.deepEqual([answer?.status, answer?.headers.connection], [400, 'close'])
      }
    })
  }

  it('is logged on the mqtt door', async () => {
    const ran = await run('mosquitto_pub', [
      ...['-h', '127.0.0.1', '-p', String(at.ports.mqtt), '-t', 'a', '-m', 'b'],
    ])
    assert.notEqual(ran.code, 0)
    const line = await at.logged(({ protocol }) => protocol === 'MQTT')
    assert.equal(line.msg, 'a client speaks plain MQTT to a door that wants TLS')
    assert.deepEqual([line.level, line.door, line.address], ['info', 'mqtt', '127.0.0.1'])
    assert.ok((await cut('mqtt')) > 0)
  })

  it('is also logged behind a load balancer with the PROXY protocol', async () => {
    const v2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n\x20\0\0\0', 'latin1')
    for (const door of ['device', 'mqtt'] as const)
      for (const header of ['PROXY TCP4 192.0.2.1 192.0.2.2 5632 443\r\n', v2]) {
        const before = await cut(door)
        const socket = await send(portOf(door), header)
        await untilClosed(socket)
        assert.equal(await cut(door), before + 1)
        const line = await at.logged(
          (each) => each.door === door && each.protocol === 'PROXY protocol',
        )
        assert.match(String(line.msg), /see WOTT_PROXY_PROTOCOL and /)
      }
  })

  it('counts as a stranger, and does not keep others out', async () => {
    const before = await cut('device', 'max_strangers_per_address')
    const sockets: Socket[] = []
    for (let count = 0; count < 20; count++) sockets.push(await send(at.ports.device, 'G'))
    const device = await at.pki.issue('device')
    assert.equal((await http1(at, device, { path: '/whoami' })).status, 200)
    assert.ok((await cut('device', 'max_strangers_per_address')) > before)
    for (const socket of sockets) socket.destroy()
  })

  it('is not logged if it only checks whether the port is open', async () => {
    for (const door of ['device', 'mqtt', 'viewer', 'enrol'] as const) {
      const { length } = linesOf(door)
      const before = [await refused(door), await cut(door)]
      const socket = await send(portOf(door), '')
      socket.end()
      await untilClosed(socket)
      await until(
        () => siteOf(door).metric(`wott_connections{door="${door}"}`),
        (open) => open === 0,
      )
      assert.deepEqual([await refused(door), await cut(door)], before, door)
      assert.deepEqual(linesOf(door).slice(length), [], door)
    }
  })
})
