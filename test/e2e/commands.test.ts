import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { constants } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type KillableGateway, startKillable } from '../drill/gateway.ts'
import {
  type Answer,
  curl,
  http1,
  http2,
  http2Session,
  messagesOf,
  mosquittoArgs,
  mosquittoPub,
  mqtt,
  type Reachable,
  run,
} from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { startMosquitto } from '../support/mosquitto.ts'
import type { Credentials } from '../support/pki.ts'
import { passedOn, startProxied } from '../support/proxied.ts'
import { clientOf, startRelayed } from '../support/relayed.ts'
import { until } from '../support/until.ts'

const ACL = `pattern readwrite readings/%u
pattern read cmd/%u/#
pattern write answers/#
user boss
topic readwrite #
`
const POLLS = 'wott_command_polls'

interface Waiting {
  readonly id: string
  readonly topic: string
  readonly payload: string
  readonly redelivered: boolean
}

type Named = Credentials & { readonly name: string }

async function issue({ pki }: Reachable, name: string): Promise<Named> {
  return { ...(await pki.issue(name)), name }
}

/** A device that speaks only HTTP. */
function sleeper(at: Reachable, who: Named) {
  const call = (method: string, path: string, body?: string, headers = {}): Promise<Answer> =>
    http1(at, who, { method, path, headers, ...(body === undefined ? {} : { body }) })
  return {
    call,
    read: (query = '') => call('GET', `/commands${query}`),
    async waiting(query = '?limit=100'): Promise<Waiting[]> {
      const { status, text, json } = await call('GET', `/commands${query}`)
      assert.equal(status, 200, text)
      return json.commands
    },
    post: (query = '', headers = {}) =>
      call('POST', `/topics/readings/${who.name}${query}`, '21.5', headers),
  }
}

/** Sends a command; resolves once it is stored for its device, with PUBACK. */
function send(at: Reachable, by: Credentials, topic: string, payload: string, ...more: string[]) {
  return mosquittoPub(at, by, topic, payload, '-q', '1', ...more)
}

const payloads = (commands: readonly Waiting[]) => commands.map(({ payload }) => payload)

describe('commands to a device that polls over HTTP', () => {
  let at: TestGateway
  let boss: Credentials
  before(async () => {
    at = await startGateway({ acl: ACL })
    boss = await at.pki.issue('boss')
  })
  after(() => at[Symbol.asyncDispose]())

  /** A device whose commands are stored from now on, and a function that sends them. */
  async function device(name: string) {
    const who = await issue(at, name)
    const client = sleeper(at, who)
    assert.deepEqual(await client.waiting(), [])
    const order = (payload: string, ...more: string[]) =>
      send(at, boss, `cmd/${name}/a`, payload, ...more)
    return { ...client, who, order }
  }

  it('are in the answer to a reading, the oldest first, until they are acknowledged', async () => {
    const { post, order } = await device('one')
    const none = await post('?command=1')
    assert.deepEqual([none.json.message, none.json.command, none.json.more], ['OK', null, false])
    for (const payload of ['1', '2']) await order(payload)
    const first = (await post('?command=1')).json
    assert.deepEqual(
      [first.command.payload, first.command.redelivered, first.more, first.command.device],
      ['1', false, true, 'boss'],
    )
    const again = (await post('?command=1')).json.command
    assert.deepEqual(again, { ...first.command, redelivered: true })
    // the next request acknowledges the first and returns the second
    const second = (await post(`?command=1&ack=${again.id}`)).json
    assert.deepEqual([second.command.payload, second.more], ['2', false])
    assert.equal((await post(`?command=1&ack=${second.command.id}`)).json.command, null)
  })

  it('are only in answers to requests that ask for them', async () => {
    const { post, order } = await device('two')
    await order('1')
    const preferring = await post('', { prefer: 'respond-async, command' })
    assert.deepEqual(
      [preferring.json.command.payload, preferring.headers['preference-applied']],
      ['1', 'command'],
    )
    for (const [query, headers] of [
      ['', {}],
      ['?command=0', { prefer: 'command' }],
      ['', { prefer: 'commands' }],
    ] as const)
      assert.equal('command' in (await post(query, headers)).json, false)
    const acknowledged = await post(`?ack=${preferring.json.command.id}&ack=`)
    assert.deepEqual(Object.keys(acknowledged.json), ['message', 'traceId'])
    assert.equal((await post('?command=1')).json.command, null)
  })

  it('are in the answer to many readings, where some are published', async () => {
    const { call, order } = await device('many')
    await order('1')
    const many = (query: string, ...topics: string[]) =>
      call(
        'POST',
        `/topics${query}`,
        topics.map((topic) => JSON.stringify({ topic, payload: 1 })).join('\n'),
        { 'content-type': 'application/x-ndjson' },
      )
    const none = await many('?command=1', 'denied')
    assert.deepEqual([none.status, 'command' in none.json], [403, false])
    const { status, json } = await many('?command=1', 'readings/many', 'denied')
    assert.deepEqual([status, json.accepted, json.command.payload], [207, 1, '1'])
    const acknowledged = await many(`?ack=${json.command.id}`, 'readings/many')
    assert.deepEqual(acknowledged.json, { accepted: 1, refused: [] })
    assert.equal((await many('?command=1', 'readings/many')).json.command, null)
  })

  it('are in the answer to a repeated request that publishes nothing again', async () => {
    const { post, order } = await device('repeating')
    const key = { 'idempotency-key': 'one' }
    assert.equal((await post('?command=1', key)).json.command, null)
    await order('1')
    const { headers, json } = await post('?command=1', key)
    assert.deepEqual([headers['idempotency-replayed'], json.command.payload], ['true', '1'])
  })

  it('wait in order with any QoS, and can be read and acknowledged with curl', async () => {
    const { who } = await device('three')
    const sender = await mqtt(at, boss)
    await Promise.all(
      ([0, 1, 2] as const).map((qos) => sender.publishAsync('cmd/three/a', `${qos}`, { qos })),
    )
    await sender.endAsync()
    const url = `https://127.0.0.1:${at.ports.device}/commands`
    const { stdout } = await curl(who, who.caFile, `${url}?limit=2`)
    const { commands, more } = JSON.parse(stdout)
    assert.deepEqual([payloads(commands), more], [['0', '1'], true])
    const [first, second] = commands
    const deleted = await curl(who, who.caFile, '-X', 'DELETE', `${url}/${first.id}`)
    assert.equal(JSON.parse(deleted.stdout).acknowledged, true)
    const posted = await curl(who, who.caFile, '-X', 'POST', `${url}/${second.id}/ack`)
    assert.equal(JSON.parse(posted.stdout).acknowledged, true)
    const repeated = await curl(who, who.caFile, '-d', '', `${url}/${second.id}/ack`)
    assert.equal(JSON.parse(repeated.stdout).acknowledged, false)
    const rest = await curl(who, who.caFile, url)
    assert.deepEqual(payloads(JSON.parse(rest.stdout).commands), ['2'])
  })

  it('end every long poll of the device when they arrive', async () => {
    const { read, waiting, order } = await device('four')
    const polls = [read('?wait=60'), read('?wait=60')]
    await at.until(POLLS, 2)
    await order('now')
    for (const { json } of await Promise.all(polls))
      assert.deepEqual(payloads(json.commands), ['now'])
    await at.until(POLLS, 0)
    const [command] = await waiting()
    assert.equal(command?.redelivered, true)
    // one acknowledgement is enough for both
    assert.deepEqual(await waiting(`?ack=${command?.id}`), [])
  })

  it('do not keep a long poll longer than requested', async () => {
    const { read } = await device('five')
    const { status, json, headers } = await read('?wait=1')
    assert.deepEqual(
      [status, json, headers['cache-control']],
      [200, { commands: [], more: false }, 'no-store'],
    )
  })

  it('are refused for an invalid request', async () => {
    const { read, call, post } = await device('six')
    for (const query of ['?wait=61', '?wait=-1', '?wait=a', '?limit=0', '?limit=101', '?a=1'])
      assert.equal((await read(query)).json.code, 'query_invalid', query)
    assert.equal((await read(`?${'ack=a&'.repeat(101)}`)).json.code, 'query_invalid')
    for (const query of ['?command=2', '?command=1&command=1'])
      assert.equal((await post(query)).json.code, 'query_invalid', query)
    // an unknown command is not found
    assert.equal((await call('DELETE', '/commands/a-1')).json.acknowledged, false)
    assert.equal((await call('POST', '/commands/a-1/reply', '1')).json.code, 'not_found')
  })

  it('are not delivered by HEAD', async () => {
    const { call, waiting, order } = await device('seven')
    await order('1')
    const { status, body } = await call('HEAD', '/commands?wait=60')
    assert.deepEqual([status, body.length], [200, 0])
    assert.equal((await waiting())[0]?.redelivered, false)
  })

  it('include retained messages in the first answer only, and no empty ones', async () => {
    const who = await issue(at, 'eight')
    const { waiting } = sleeper(at, who)
    await send(at, boss, 'cmd/eight/a', 'kept', '-r')
    const [command] = await waiting()
    assert.deepEqual([command?.payload, command?.topic], ['kept', 'cmd/eight/a'])
    assert.deepEqual(await waiting(`?ack=${command?.id}`), [])
    await send(at, boss, 'cmd/eight/b', 'later', '-r')
    await run('mosquitto_pub', [
      ...mosquittoArgs(at, boss),
      '-t',
      'cmd/eight/b',
      '-n',
      '-r',
      '-q',
      '1',
    ])
    assert.deepEqual(payloads(await waiting()), ['later'])
  })

  it('expire at the time that their sender sets', async () => {
    const { waiting, order } = await device('nine')
    const expiring = ['-V', '5', '-D', 'publish', 'message-expiry-interval', '1']
    await order('soon over', ...expiring)
    await order('lasting')
    const [first] = await waiting()
    assert.equal(first?.payload, 'soon over')
    // having been in an answer does not keep it
    await until(waiting, ({ length }) => length <= 1)
    assert.deepEqual(payloads(await waiting()), ['lasting'])
  })

  it('answer a request of MQTT 5, with its correlation data', async () => {
    const { call, read, order } = await device('ten')
    await order('nobody waits for this')
    const [plain] = (await read()).json.commands
    const refused = await call('POST', `/commands/${plain.id}/reply`, 'done')
    assert.equal(refused.json.code, 'request_invalid')
    const asked = run('mosquitto_rr', [
      ...[...mosquittoArgs(at, boss), '-V', '5', '-W', '20', '-q', '1', '-t', 'cmd/ten/ask'],
      ...['-e', 'answers/boss', '-m', 'how warm?', '-F', '%t %p'],
    ])
    const [command] = (await read(`?wait=20&ack=${plain.id}`)).json.commands
    assert.deepEqual(
      [command.payload, command.properties.responseTopic],
      ['how warm?', 'answers/boss'],
    )
    const reply = await call('POST', `/commands/${command.id}/reply?contentType=text/plain`, '21.5')
    assert.deepEqual([reply.status, reply.json.acknowledged], [200, true])
    assert.equal((await asked).stdout, 'answers/boss 21.5\n')
    assert.deepEqual((await read()).json.commands, [])
  })

  it('can be replied to with the correlation data of mqtt.js, under the ACL', async () => {
    const { call, waiting } = await device('eleven')
    const client = await mqtt(at, boss, { protocolVersion: 5 })
    await client.subscribeAsync('#', { qos: 1 })
    const replied = new Promise<[string, Buffer | undefined]>((resolve) =>
      client.on('message', (topic, _payload, { properties }) => {
        if (topic === 'answers/eleven') resolve([topic, properties?.correlationData])
      }),
    )
    const correlationData = Buffer.from([0, 255, 1])
    for (const responseTopic of ['forbidden/eleven', 'answers/eleven'])
      await client.publishAsync('cmd/eleven/a', responseTopic, {
        qos: 1,
        properties: { responseTopic, correlationData },
      })
    const [forbidden, allowed] = await waiting()
    const refused = await call('POST', `/commands/${forbidden?.id}/reply`, '1')
    assert.equal(refused.json.code, 'publish_denied')
    // the command stays, as it was not acknowledged
    assert.equal((await waiting()).length, 2)
    const reply = await call('POST', `/commands/${allowed?.id}/reply`, '1', {
      'x-amz-mqtt5-user-properties': Buffer.from('[{"a":"1"}]').toString('base64'),
    })
    assert.equal(reply.status, 200, reply.text)
    assert.deepEqual(await replied, ['answers/eleven', correlationData])
    assert.deepEqual(payloads(await waiting()), ['forbidden/eleven'])
    const header = { 'x-amz-mqtt5-correlation-data': 'AA==' }
    const own = await call('POST', `/commands/${forbidden?.id}/reply`, '1', header)
    assert.equal(own.json.code, 'request_invalid')
    await client.endAsync()
  })

  it('are not delivered to another device', async () => {
    const [one, other] = [await device('twelve'), await device('thirteen')]
    await one.order('1')
    const [command] = await one.waiting()
    assert.equal((await other.call('DELETE', `/commands/${command?.id}`)).json.acknowledged, false)
    assert.equal(
      (await other.call('POST', `/commands/${command?.id}/reply`)).json.code,
      'not_found',
    )
    assert.equal((await one.waiting()).length, 1)
  })

  it('wait in a session that no MQTT client can take over', async () => {
    const { who, waiting, order } = await device('fourteen')
    await assert.rejects(mqtt(at, who, { clientId: '$commands', protocolVersion: 5 }), {
      code: 133,
    })
    await order('1')
    assert.equal((await waiting()).length, 1)
  })

  it('also reach an MQTT subscription of the same device', async () => {
    const { who, order, waiting } = await device('fifteen')
    const client = await mqtt(at, who)
    const messages = messagesOf(client)
    await client.subscribeAsync('cmd/fifteen/#', { qos: 1 })
    await order('1')
    assert.equal((await messages.next()).payload, '1')
    assert.deepEqual(payloads(await waiting()), ['1'])
    await client.endAsync()
  })

  it('are counted', async () => {
    const sample = async (name: string) => (await at.metric(name)) ?? Number.NaN
    const names = [
      'wott_commands_delivered_total{redelivered="false"}',
      'wott_commands_delivered_total{redelivered="true"}',
      'wott_commands_acknowledged_total',
      'wott_deliveries_total{door="device"}',
    ]
    const { waiting, order } = await device('sixteen')
    const earlier = await Promise.all(names.map(sample))
    await order('1')
    const [command] = await waiting()
    await waiting()
    await waiting(`?ack=${command?.id}&ack=${command?.id}`)
    const later = await Promise.all(names.map(sample))
    assert.deepEqual(
      later.map((value, index) => value - (earlier[index] ?? 0)),
      [1, 1, 1, 2],
    )
  })
})

describe('commands under an ACL that changes', () => {
  it('are checked when they are delivered', async () => {
    const acl = (right: string) =>
      `pattern readwrite readings/%u\n${right}user boss\ntopic write #\n`
    await using at = await startGateway({ acl: acl('') })
    const boss = await at.pki.issue('boss')
    const who = await issue(at, 'one')
    const { read, waiting, post } = sleeper(at, who)
    const use = async (text: string) => {
      await writeFile(at.aclFile, acl(text))
      await at.gateway.reload()
    }
    assert.deepEqual([(await read()).status, (await read()).json.code], [403, 'read_denied'])
    const published = await post('?command=1')
    assert.deepEqual(
      [published.status, published.json.command, published.json.commandProblem.code],
      [200, null, 'read_denied'],
    )
    await use('pattern read cmd/%u/#\n')
    assert.deepEqual(await waiting(), [])
    for (const topic of ['a', 'b']) await send(at, boss, `cmd/one/${topic}`, topic)
    assert.deepEqual(payloads(await waiting()), ['a', 'b'])
    await use('pattern read cmd/%u/b\n')
    assert.deepEqual(payloads(await waiting()), ['b'])
  })
})

describe('requests that wait for commands', () => {
  it('are limited in number', async () => {
    const settings = { maxPolls: '2', maxPollsPerDevice: '1', drainSeconds: '3600' }
    await using at = await startGateway({ acl: ACL, settings })
    const [one, two, three] = await Promise.all(
      ['one', 'two', 'three'].map(async (name) => sleeper(at, await issue(at, name))),
    )
    assert.ok(one && two && three)
    const polls = [one.read('?wait=60')]
    await at.until(POLLS, 1)
    const own = await one.read('?wait=60')
    assert.deepEqual([own.status, own.json.code], [503, 'too_many_polls'])
    assert.ok(own.headers['retry-after'])
    // a request that does not wait is answered
    assert.deepEqual(await one.waiting(), [])
    polls.push(two.read('?wait=60'))
    await at.until(POLLS, 2)
    assert.equal((await three.read('?wait=60')).json.code, 'too_many_polls')
    assert.equal(await at.metric('wott_command_polls_refused_total'), 2)
    const said = at.log.filter(({ msg }) => /the maximum number of requests wait/.test(`${msg}`))
    assert.deepEqual(
      said.map(({ device }) => device),
      ['one', 'three'],
    )
    // a gateway that stops answers all of them
    await at.gateway.drain()
    for (const { status, json } of await Promise.all(polls))
      assert.deepEqual([status, json.commands], [200, []])
  })

  it('end with their connection, and take no command', async () => {
    // the request connection, not that of an earlier answer
    await using at = await startGateway({ acl: ACL, settings: { requestTimeout: '1' } })
    const boss = await at.pki.issue('boss')
    const who = await issue(at, 'one')
    const { waiting, read } = sleeper(at, who)
    const gone = new AbortController()
    const poll = assert.rejects(http1(at, who, { path: '/commands?wait=60', signal: gone.signal }))
    await at.until(POLLS, 1)
    gone.abort()
    await poll
    await at.until(POLLS, 0)
    const session = http2Session(at, who)
    const stream = session.request({ ':path': '/commands?wait=60' })
    await at.until(POLLS, 1)
    stream.close(constants.NGHTTP2_CANCEL)
    await at.until(POLLS, 0)
    const patient = await http2(session, { ':path': '/commands?wait=3' })
    assert.deepEqual([patient.status, patient.json.commands], [200, []])
    session.destroy()
    const revoked = assert.rejects(read('?wait=60'))
    await at.until(POLLS, 1)
    await at.pki.revoke(who.serial)
    await at.gateway.reload()
    await revoked
    await at.until(POLLS, 0)
    await at.pki.revoke()
    await at.gateway.reload()
    await send(at, boss, 'cmd/one/a', '1')
    assert.equal((await waiting())[0]?.redelivered, false)
  })

  it('end when the certificate is revoked, behind a proxy', async () => {
    await using at = await startProxied({ acl: ACL })
    const who = await at.pki.issue('one')
    const poll = http1(at.door, at.proxy, { path: '/commands?wait=60', headers: passedOn(who) })
    await at.until(POLLS, 1)
    await at.pki.revoke(who.serial)
    await at.gateway.reload()
    const { status, json } = await poll
    assert.deepEqual([status, json.code], [401, 'certificate_revoked'])
  })
})

describe('commands from the other broker of a bridge', () => {
  it('wait for a device', async () => {
    await using mosquitto = await startMosquitto()
    const folder = await mkdtemp(join(tmpdir(), 'wott-commands-'))
    const settings = {
      broker: `file:${folder}`,
      bridge: `mqtt://127.0.0.1:${mosquitto.port}`,
      bridgeTopics: 'cmd/# in 1; answers/# out 1',
    }
    {
      await using at = await startGateway({ acl: ACL, settings })
      const { call, read, waiting } = sleeper(at, await issue(at, 'one'))
      await at.until('wott_bridge_connected', 1)
      assert.deepEqual(await waiting(), [])
      await using cloud = await clientOf(mosquitto.port)
      const answers = messagesOf(cloud)
      await cloud.subscribeAsync('answers/#', { qos: 1 })
      const properties = { responseTopic: 'answers/cloud' }
      await cloud.publishAsync('cmd/one/a', '1', { qos: 1, properties })
      const [command] = (await read('?wait=20')).json.commands
      assert.equal(command.payload, '1')
      await call('POST', `/commands/${command.id}/reply`, 'done')
      assert.equal((await answers.next()).payload, 'done')
    }
    await rm(folder, { recursive: true })
  })
})

describe('commands where nothing can be stored', () => {
  it('are refused in front of another broker, before anything is published', async () => {
    await using mosquitto = await startMosquitto()
    await using relayed = await startRelayed(mosquitto.port)
    for (const answer of [
      await relayed.get('/commands?wait=1'),
      await relayed.post('a', '1', 'command=1&retain=true'),
      await relayed.post('a', '1', 'ack=1&retain=true'),
    ])
      assert.deepEqual([answer.status, answer.json.code], [501, 'not_supported_here'])
    assert.equal((await relayed.get('/topics/a')).status, 404)
    assert.equal((await relayed.post('a', '1')).status, 200)
  })

  it('are refused if they are off', async () => {
    await using at = await startGateway({ acl: ACL, settings: { commandTopic: 'off' } })
    const who = await issue(at, 'one')
    const { json } = await sleeper(at, who).read()
    assert.equal(json.code, 'not_supported_here')
  })

  it('are refused beyond the sessions that a device may have', async () => {
    await using at = await startGateway({ acl: ACL, settings: { maxSessionsPerDevice: '1' } })
    const who = await issue(at, 'one')
    const client = await mqtt(at, who, { clean: false, clientId: 'a' })
    const { read, post } = sleeper(at, who)
    const { status, json } = await read()
    assert.deepEqual([status, json.code], [429, 'quota_exceeded'])
    const published = await post('?command=1')
    assert.deepEqual(
      [published.status, published.json.commandProblem.code],
      [200, 'quota_exceeded'],
    )
    await client.endAsync()
  })
})

describe('commands in a store that is killed', () => {
  let killable: KillableGateway
  before(async () => {
    killable = await startKillable({ WOTT_COMMAND_TOPIC: 'cmd/%u/#,all/%u' })
  })
  after(() => killable[Symbol.asyncDispose]())

  it('are delivered again with the same ids until they are acknowledged', async () => {
    const { pki, ports, device } = killable
    const at = { pki, ports: { device: ports.https, mqtt: ports.mqtts, viewer: 0, ops: 0 } }
    const who = { ...device, name: 'device.d.wott.local' }
    const { waiting, post } = sleeper(at, who)
    const restart = async () => {
      await killable.kill()
      await killable.restart()
    }
    await waiting()
    for (const payload of ['1', '2']) await send(at, device, `cmd/${who.name}/a`, payload)
    await send(at, device, `all/${who.name}`, '3')
    const [first] = await waiting('?limit=1')
    assert.equal(first?.payload, '1')
    await restart()
    const again = await waiting()
    assert.deepEqual(payloads(again), ['1', '2', '3'])
    assert.equal(again[0]?.id, first?.id)
    const next = await post(`?command=1&ack=${first?.id}`)
    assert.equal(next.json.command.payload, '2')
    await restart()
    assert.deepEqual(payloads(await waiting()), ['2', '3'])
    // a repeated acknowledgement does not acknowledge another command
    assert.deepEqual(payloads(await waiting(`?limit=100&ack=${first?.id}`)), ['2', '3'])
  })
})
