import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { eventSource, http1 } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { connectClient } from '../support/packet-client.ts'
import { passedOn, startProxied } from '../support/proxied.ts'
import { FREE_PORTS, run, startGateway as startProgram, temporaryFolder } from './program.ts'

const ACL = 'pattern readwrite #\n'

function socketOf({ viewersFile }: TestGateway): string {
  return join(viewersFile, '..', 'admin.sock')
}

async function rows(at: TestGateway, ...args: string[]) {
  const asked = ['clients', '--json', '--socket', socketOf(at), ...args]
  const { code, stdout, stderr } = await run(asked)
  assert.deepEqual([code, stderr], [0, ''])
  return stdout === ''
    ? []
    : stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
}

describe('clients', () => {
  it('lists connected and offline clients, and their queues', async () => {
    await using at = await startGateway({ acl: ACL })
    const [kitchen, reader] = [
      await at.pki.issue('kitchen.d.wott.local'),
      await at.pki.issue('reader'),
    ]
    const before = Date.now()
    using client = await connectClient(at, kitchen, 'probe', { version: 4, clean: false })
    await client.subscribe('probe/#')
    const away = await connectClient(at, kitchen, 'away', {
      clean: false,
      properties: { sessionExpiryInterval: 600 },
    })
    await away.subscribe([
      { topic: 'a/#', qos: 1 },
      { topic: 'b', qos: 1 },
    ])
    await away.disconnect()
    await client.publish('a/b', '12345', { qos: 1 })
    using _stream = await eventSource(at, reader, '/stream?filter=a&filter=b')

    const all = await rows(at)
    const [one, other, stream] = all
    assert.partialDeepStrictEqual(one, {
      device: 'kitchen.d.wott.local',
      client: 'probe',
      kind: 'mqtt',
      state: 'connected',
      door: 'mqtt',
      address: '127.0.0.1',
      protocol: '3.1.1',
      filters: { count: 1, first: ['probe/#'] },
      queue: { messages: 0, bytes: 0, oldest: null },
    })
    assert.ok(Date.parse(one.since) >= before - 1000 && Date.parse(one.since) <= Date.now())
    assert.ok(Date.parse(one.certificateEnds) > Date.now())
    assert.partialDeepStrictEqual(other, {
      device: 'kitchen.d.wott.local',
      client: 'away',
      state: 'away',
      filters: { count: 2 },
      queue: { messages: 1 },
    })
    assert.ok(other.queue.bytes > 0)
    assert.ok(Date.parse(other.queue.oldest) >= before - 1000)
    assert.equal(Date.parse(other.sessionEnds) - Date.parse(other.since), 600_000)
    assert.partialDeepStrictEqual(stream, {
      device: 'reader',
      kind: 'stream',
      door: 'device',
      address: '127.0.0.1',
      filters: { count: 2, first: ['a', 'b'] },
    })
    assert.deepEqual([all.length, all[3]?.kind], [4, 'https'])

    const named = async (name: string) => (await rows(at, name)).map(({ kind }) => kind)
    assert.deepEqual(await named('kitchen'), ['mqtt', 'mqtt'])
    assert.deepEqual(await named('probe'), ['mqtt'])
    assert.deepEqual(await named('reader'), ['stream', 'https'])
    assert.deepEqual(await named('nobody'), [])

    const { stdout } = await run(['clients', 'away', '--socket', socketOf(at)])
    assert.match(
      stdout,
      /^kitchen\.d\.wott\.local\taway\tmqtt\taway since \S+\t2 filters\t1 message of \d+ bytes waits, since \S+\tsession until \S+\tcertificate until \S+\n$/,
    )
    assert.equal((await stat(socketOf(at))).mode & 0o777, 0o600)
  })

  it('lists a device that polls for commands', async () => {
    await using at = await startGateway({ acl: ACL })
    const device = await at.pki.issue('sleeper')
    const answer = await http1(at, device, { path: '/commands?wait=0' })
    assert.ok(answer.status < 300, String(answer.body))
    const [row] = await rows(at, 'sleeper')
    assert.deepEqual([row.kind, row.device, row.queue.messages], ['commands', 'sleeper', 0])
  })

  it('lists devices behind a proxy', async () => {
    await using at = await startProxied({ acl: ACL })
    const device = await at.pki.issue('kitchen')
    const headers = passedOn(device)
    const body = '21.5'
    await http1(at.door, at.proxy, { path: '/topics/a', method: 'POST', body, headers })
    using _stream = await eventSource(at.door, at.proxy, '/stream?filter=a', headers)
    const listed = await rows(at, 'kitchen')
    assert.deepEqual(
      listed.map(({ kind, door, state }) => [kind, door, state]),
      [
        ['stream', 'proxy', 'connected'],
        ['https', 'proxy', 'connected'],
      ],
    )
    assert.ok(Date.parse(listed[1].certificateEnds) > Date.now())
    assert.ok(Date.now() - Date.parse(listed[1].since) < 60_000)
  })

  it('finds the gateway of npm start with and without a store, and reports where there is none', async () => {
    for (const more of [[], ['--broker', 'memory:']]) {
      await using folder = await temporaryFolder()
      const cwd = folder.path
      await using _gateway = await startProgram(['dev', ...FREE_PORTS, ...more], { cwd })
      const { code, stderr } = await run(['clients'], { cwd })
      assert.deepEqual([code, stderr], [0, ''])
    }
    await using empty = await temporaryFolder()
    const none = await run(['clients'], { cwd: empty.path })
    assert.equal(none.code, 1)
    assert.match(
      none.stderr,
      /^wott-gateway: no gateway answers at data\/admin\.sock: is it running\?/,
    )
  })

  it('uses WOTT_ADMIN_SOCKET, and fails if that is off', async () => {
    await using folder = await temporaryFolder()
    const adminSocket = join(folder.path, 'here.sock')
    await using at = await startGateway({ acl: ACL, settings: { adminSocket } })
    using _client = await connectClient(at, await at.pki.issue('a'), 'x')
    const { stdout } = await run(['clients', 'x'], { env: { WOTT_ADMIN_SOCKET: adminSocket } })
    assert.match(stdout, /^a\tx\tmqtt 5\tconnected since/)
    // the first gateway keeps the socket
    await using second = await startGateway({ acl: ACL, settings: { adminSocket } })
    await second.logged(({ reason }) => reason === 'another gateway is running with it')
    assert.match((await run(['clients', '--socket', adminSocket])).stdout, /^a\tx\t/)
    await using off = await startGateway({ acl: ACL, settings: { adminSocket: 'off' } })
    assert.equal((await run(['clients', '--socket', socketOf(off)])).code, 1)
    const env = { WOTT_ADMIN_SOCKET: 'off' }
    assert.match((await run(['clients'], { env })).stderr, /WOTT_ADMIN_SOCKET is off/)
  })
})
