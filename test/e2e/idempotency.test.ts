import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type KillableGateway, startKillable } from '../drill/gateway.ts'
import { type Answer, eventSource, http1, type Reachable } from '../support/clients.ts'
import { startGateway } from '../support/gateway.ts'

const NDJSON = 'application/x-ndjson'

function client(at: Reachable, who: KillableGateway['device']) {
  const post = (path: string, body: string, key: string, headers = {}): Promise<Answer> =>
    http1(at, who, {
      path,
      method: 'POST',
      body,
      headers: { 'idempotency-key': key, ...headers },
    })
  return {
    post,
    many: (lines: readonly object[], key: string) =>
      post('/topics', lines.map((line) => JSON.stringify(line)).join('\n'), key, {
        'content-type': NDJSON,
      }),
    async payloads(topic: string): Promise<string[]> {
      const { json } = await http1(at, who, { path: `/history?filter=${topic}&limit=10000` })
      return json.entries.map(({ payload }: { payload: string }) => payload)
    },
  }
}

const isReplayed = ({ headers }: Answer) => headers['idempotency-replayed'] === 'true'

for (const broker of ['memory:', 'file:'] as const)
  describe(`a request with an idempotency key, with ${broker}`, () => {
    let killable: KillableGateway | null = null
    let at: Reachable
    let device: KillableGateway['device']
    let running: AsyncDisposable

    before(async () => {
      if (broker === 'file:') {
        killable = await startKillable()
        running = killable
        const { pki, ports, device: own } = killable
        at = { pki, ports: { device: ports.https, mqtt: 0, viewer: 0, ops: 0 } }
        device = own
      } else {
        const gateway = await startGateway({ acl: 'pattern readwrite #\n' })
        at = gateway
        running = gateway
        device = await gateway.pki.issue('device')
      }
    })
    after(() => running[Symbol.asyncDispose]())

    it('publishes its reading once, and a repeat has the same answer', async () => {
      const { post, payloads } = client(at, device)
      const first = await post('/topics/once?qos=1', '21.5', '"a key"')
      assert.deepEqual([first.status, isReplayed(first)], [200, false])
      for (let count = 0; count < 2; count++) {
        const again = await post('/topics/once?qos=1', '21.5', '"a key"')
        assert.deepEqual([again.status, again.json.message, isReplayed(again)], [200, 'OK', true])
      }
      assert.deepEqual(await payloads('once'), ['21.5'])
    })

    it('may have the key with or without quotes', async () => {
      const { post, payloads } = client(at, device)
      await post('/topics/quotes', '1', 'plain-key')
      assert.ok(isReplayed(await post('/topics/quotes', '1', '"plain-key"')))
      assert.deepEqual(await payloads('quotes'), ['1'])
    })

    it('is refused where another request used the key', async () => {
      const { post, many, payloads } = client(at, device)
      await post('/topics/other?qos=1', '1', 'other')
      for (const answer of [
        await post('/topics/other?qos=1', '2', 'other'),
        await post('/topics/other?qos=0', '1', 'other'),
        await post('/topics/elsewhere?qos=1', '1', 'other'),
        await many([{ topic: 'other', payload: '1' }], 'other'),
      ])
        assert.deepEqual([answer.status, answer.json.code], [422, 'idempotency_key_reused'])
      assert.deepEqual(await payloads('other'), ['1'])
    })

    it('is refused with an invalid key', async () => {
      const { post } = client(at, device)
      const spaced = await post('/topics/none', '1', 'a b')
      assert.match(spaced.json.detail, /in quotes if there is a space/)
      for (const key of ['', '""', '"', 'a b', 'a,b', '"a', 'a;b=1', 'ä', 'a'.repeat(256)]) {
        const { status, json } = await post('/topics/none', '1', key)
        assert.deepEqual([status, json.code], [400, 'request_invalid'], key)
      }
      assert.equal((await post('/topics/none', '1', `"${'\\"'.repeat(255)}"`)).status, 200)
    })

    it('may use a key again whose request published nothing', async () => {
      const { post, payloads } = client(at, device)
      const refused = await post('/topics/again?time=12', '1', 'again')
      assert.equal(refused.json.code, 'time_invalid')
      assert.equal((await post('/topics/again', '1', 'again')).status, 200)
      assert.deepEqual(await payloads('again'), ['1'])
    })

    it('publishes each of many lines once, and a repeat has the same answer', async () => {
      const { many, payloads } = client(at, device)
      const lines = [
        { topic: 'many', payload: 1 },
        { topic: 'many', payload: 2, qos: 1 },
        { topic: 'many/#', payload: 3 },
        { topic: 'many', payload: 4, retain: true },
      ]
      const first = await many(lines, 'many')
      assert.deepEqual([first.status, first.json.accepted], [207, 3])
      const again = await many(lines, 'many')
      assert.deepEqual([again.status, isReplayed(again)], [207, true])
      assert.deepEqual(again.json, first.json)
      assert.deepEqual(await payloads('many'), ['1', '2', '4'])
    })

    if (broker === 'file:') {
      const restart = async () => {
        await killable?.kill()
        await killable?.restart()
      }

      it('is recognised after a crash', async () => {
        const { post, many, payloads } = client(at, device)
        const lines = [
          { topic: 'crash', payload: 'x' },
          { topic: 'crash/+', payload: 'y' },
        ]
        await post('/topics/crash?qos=1', '1', 'qos-1')
        await post('/topics/crash', '0', 'qos-0')
        await post('/topics/crash?retain=true', 'r', 'retained')
        const first = await many(lines, 'lines')
        await restart()
        for (const answer of [
          await post('/topics/crash?qos=1', '1', 'qos-1'),
          await post('/topics/crash', '0', 'qos-0'),
          await post('/topics/crash?retain=true', 'r', 'retained'),
        ])
          assert.ok(isReplayed(answer))
        const again = await many(lines, 'lines')
        assert.deepEqual([again.status, again.json], [207, first.json])
        assert.equal((await post('/topics/crash', '1', 'qos-0')).status, 422)
        assert.deepEqual(await payloads('crash'), ['1', '0', 'r', 'x'])
      })

      it('continues after a crash in the middle, and publishes each line once', async () => {
        const { many, payloads } = client(at, device)
        for (const [round, seen] of [1, 400, 1000].entries()) {
          const topic = `middle-${round}`
          const lines = Array.from({ length: 1000 }, (_, n) => ({
            topic,
            payload: n,
            qos: n % 2,
          }))
          using events = await eventSource(at, device, `/stream?filter=${topic}`)
          const sent = many(lines, topic).catch(() => null)
          for (let count = 0; count < seen; count++) await events.next()
          await restart()
          await sent
          const { status, json } = await many(lines, topic)
          assert.deepEqual([status, json.accepted], [200, 1000])
          const found = (await payloads(topic)).map(Number).toSorted((a, b) => a - b)
          assert.deepEqual(found, [...Array(1000).keys()])
        }
      })
    }
  })

it('an idempotency key belongs to its device, and continues where the rate limit stopped', async () => {
  await using at = await startGateway({
    acl: 'pattern readwrite #\n',
    settings: { publishRate: '4', publishBurst: '5', idempotencyKeys: '8' },
  })
  const { many, post, payloads } = client(at, await at.pki.issue('one'))
  const other = client(at, await at.pki.issue('other'))
  const lines = Array.from({ length: 8 }, (_, n) => ({ topic: 'limited', payload: n }))
  const first = await many(lines, 'same')
  assert.deepEqual([first.status, first.json.accepted, first.json.next], [429, 5, 6])
  assert.equal((await other.post('/topics/limited', '8', 'same')).status, 200)
  let answer = first
  while (answer.status === 429) {
    assert.equal((await many(lines.slice(1), 'same')).status, 422)
    answer = await many(lines, 'same')
  }
  assert.deepEqual([answer.status, answer.json], [200, { accepted: 8, refused: [] }])
  const found = (await payloads('limited')).map(Number).toSorted((a, b) => a - b)
  assert.deepEqual(found, [0, 1, 2, 3, 4, 5, 6, 7, 8])
  // the oldest key is dropped and counted
  for (const key of ['b', 'c']) {
    let status = 0
    while (status !== 200) status = (await post('/topics/limited', key, key)).status
  }
  assert.equal(await at.metric('wott_store_limits_reached_total{limit="idempotency_keys"}'), 1)
})
