import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { inviteViewer } from '../../src/viewer/invite.ts'
import { temporaryFolder } from '../cli/program.ts'
import { curl, eventSource, http1, type Ran, run } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'

const ACL = `user sensor
topic write wott/#
user reader
topic read wott/#
user alice
topic read wott/#
topic deny wott/secret
`

interface Entry {
  readonly id: string
  readonly topic: string
  readonly payload: string
  readonly time: string
}

/** A gateway with a publisher and a reader. */
async function open(settings: Record<string, string>) {
  const at = await startGateway({ acl: ACL, settings })
  const [sensor, reader] = await Promise.all([at.pki.issue('sensor'), at.pki.issue('reader')])
  const url = `https://localhost:${at.ports.device}`
  const get = (query: string, who: Credentials = reader, ...more: string[]) =>
    curl(who, reader.caFile, ...more, `${url}/history?${query}`)
  return {
    at,
    sensor,
    reader,
    get,
    async json(query: string, who = reader) {
      const { json } = await http1(at, who, { path: `/history?${query}` })
      return json
    },
    publish: (lines: readonly object[]) => publishAs(sensor, lines),
    /** Another device that publishes. */
    async as(id: string) {
      const device = await at.pki.issue(id)
      return (lines: readonly object[]) => publishAs(device, lines)
    },
  }

  async function publishAs(who: Credentials, lines: readonly object[]): Promise<void> {
    const body = lines.map((line) => JSON.stringify(line)).join('\n')
    const type = ['-H', 'content-type: application/x-ndjson']
    const more = [...type, '--data-binary', '@-', `${url}/topics`]
    const args = ['--cert', who.certFile, '--key', who.keyFile, '--cacert', who.caFile]
    const { stdout } = await run('curl', ['-sS', ...args, ...more], body)
    assert.deepEqual(JSON.parse(stdout), { accepted: lines.length, refused: [] })
  }
}

type Opened = Awaited<ReturnType<typeof open>>
const payloads = ({ entries }: { entries: Entry[] }) => entries.map(({ payload }) => payload)
const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => String(from + index))
const readings = (from: number, to: number) =>
  numbers(from, to).map((payload) => ({ topic: 'wott/temperature', payload }))

for (const kind of ['memory:', 'file:'] as const)
  describe(`the history of ${kind}`, () => {
    let folder: Awaited<ReturnType<typeof temporaryFolder>>
    let opened: Opened
    before(async () => {
      folder = await temporaryFolder()
      // with file: more messages are stored than memory holds
      opened = await open(
        kind === 'file:'
          ? { broker: `file:${folder.path}`, history: '10' }
          : { broker: 'memory:', history: '100000' },
      )
      await opened.publish(readings(1, 50))
      await opened.publish([
        { topic: 'wott/climate', payload: '{"in":{"temperature":21}}', qos: 1 },
        { topic: 'wott/climate', payload: '{"in":{"temperature":23}}', retain: true },
        { topic: 'wott/text', payload: '=1+1' },
      ])
    })
    after(async () => {
      await opened.at[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    })

    it('returns every message once, in order, with its id', async () => {
      const answer = await opened.json('filter=wott/temperature')
      assert.deepEqual(payloads(answer), numbers(1, 50))
      assert.deepEqual([answer.truncated, answer.next], [null, null])
      const { id, time, ...entry } = answer.entries[0]
      assert.match(id, /^[0-9a-f]+-\d+$/)
      assert.ok(Date.now() - Date.parse(time) < 60_000)
      assert.deepEqual(entry, {
        topic: 'wott/temperature',
        payload: '1',
        device: 'sensor',
        qos: 0,
        retain: false,
      })
      const all = await opened.json('filter=%23')
      assert.deepEqual(payloads(all).slice(0, 50), numbers(1, 50))
      assert.equal(all.entries.length, 53)
    })

    it('returns the latest message of each topic, also in pages', async () => {
      const all = ['{"in":{"temperature":23}}', '50', '=1+1']
      const answer = await opened.json('filter=%23&latest=true')
      assert.deepEqual(payloads(answer), all)
      assert.deepEqual([answer.truncated, answer.next], [null, null])
      const first = await opened.json('filter=%23&latest=true&limit=1')
      assert.deepEqual([first.truncated, first.next], ['limit', 'wott/climate'])
      const rest = await opened.json(`filter=%23&latest=true&after=${first.next}`)
      assert.deepEqual([...payloads(first), ...payloads(rest)], all)
      assert.deepEqual(payloads(await opened.json('filter=wott/text&latest=true')), ['=1+1'])
    })

    it('continues after a page, from either end', async () => {
      for (const [order, expected] of [
        ['asc', numbers(1, 50)],
        ['desc', numbers(1, 50).reverse()],
      ] as const)
        for (const filter of ['wott/temperature', 'wott/+'])
          for (const size of [7, 25, 50]) {
            const found: string[] = []
            for (let after = ''; ; ) {
              const query = `filter=${filter}&order=${order}&limit=${size}${after}`
              const answer = await opened.json(query)
              found.push(
                ...payloads({
                  entries: answer.entries.filter(
                    ({ topic }: Entry) => topic === 'wott/temperature',
                  ),
                }),
              )
              if (answer.truncated === null) break
              assert.equal(answer.truncated, 'limit')
              after = `&after=${answer.next}`
            }
            assert.deepEqual(found, expected, `${order} ${filter} ${size}`)
          }
    })

    it('can be bounded by time', async () => {
      const { entries } = await opened.json('filter=%23')
      for (const index of [0, 20, 52]) {
        const { time } = entries[index]
        const answer = await opened.json(`filter=%23&from=${time}`)
        const expected = entries.filter((entry: Entry) => entry.time >= time)
        assert.deepEqual(answer.entries, expected)
        const before = await opened.json(`filter=%23&to=${Date.parse(time)}`)
        assert.deepEqual(
          before.entries,
          entries.filter((entry: Entry) => entry.time < time),
        )
      }
      assert.equal((await opened.json('filter=%23&from=-1h')).entries.length, 53)
      assert.equal((await opened.json('filter=%23&to=-1h')).entries.length, 0)
      assert.equal((await opened.json('filter=%23&from=0&to=now')).entries.length, 53)
    })

    it('returns numbers in buckets', async () => {
      const own = await opened.json('filter=wott/%23&every=1d')
      const total = own.buckets.reduce(
        (sum: number, { count }: { count: number }) => sum + count,
        0,
      )
      assert.equal(total, 50)
      assert.ok(own.buckets.every(({ topic }: Entry) => topic === 'wott/temperature'))
      const { buckets } = await opened.json('filter=wott/%23&every=366d&field=in.temperature')
      const [{ from, ...bucket }, ...more] = buckets
      assert.equal(Date.parse(from) % (366 * 86_400_000), 0)
      assert.deepEqual(more, [])
      assert.deepEqual(bucket, {
        topic: 'wott/climate',
        count: 2,
        min: 21,
        mean: 22,
        max: 23,
        last: 23,
      })
    })

    it('can be NDJSON', async () => {
      const { stdout } = await opened.get('filter=wott/temperature&format=ndjson&limit=3')
      const lines = stdout.trimEnd().split('\n')
      assert.deepEqual(
        lines.map((line) => JSON.parse(line).payload),
        ['1', '2', '3'],
      )
    })

    it('can be CSV without formulas that a spreadsheet would run', async () => {
      const ran = await opened.get('filter=wott/text&format=csv', opened.reader, '-i')
      assert.match(ran.stdout, /^content-type: text\/csv; charset=utf-8; header=present\r$/im)
      const [, body = ''] = ran.stdout.split('\r\n\r\n')
      const [head, row, ...rest] = body.split('\r\n')
      assert.equal(
        head,
        'id,time,topic,payload,payloadBase64,device,qos,retain,properties,received',
      )
      assert.match(`${row}`, /^[0-9a-f]+-\d+,[^,]+Z,wott\/text,'=1\+1,,sensor,0,false,,$/)
      assert.deepEqual(rest, [''])
    })

    it('reports when the default limit was reached', async () => {
      await opened.publish(readings(51, 1000))
      await opened.publish(readings(1001, 1001))
      const { stdout } = await opened.get('filter=wott/temperature&format=ndjson')
      const lines = stdout.trimEnd().split('\n')
      assert.equal(lines.length, 1001)
      const { truncated, next } = JSON.parse(lines.at(-1) ?? '')
      assert.equal(truncated, 'limit')
      assert.deepEqual(payloads(await opened.json(`filter=wott/temperature&after=${next}`)), [
        '1001',
      ])
      const csv = await opened.get('filter=wott/temperature&format=csv')
      assert.match(csv.stdout, /\r\n# \{"truncated":"limit","next":"[^"]+","gaps":\[.*\]\}\r\n$/)
    })

    it('returns only what a viewer may read', async () => {
      await opened.publish([{ topic: 'wott/secret', payload: 'x' }])
      const { at } = opened
      const code = await inviteViewer(at.viewersFile, 'alice', 3_600_000)
      const url = `https://localhost:${at.ports.viewer}`
      const { caFile } = opened.reader
      const jar = `${folder.path}/jar`
      await curl(null, caFile, '-c', jar, '-d', JSON.stringify({ code }), `${url}/session`)
      const read = async (query: string): Promise<Ran> =>
        curl(null, caFile, '-b', jar, `${url}/history?${query}`)
      const topics = async (query: string) =>
        JSON.parse((await read(query)).stdout).entries.map(({ topic }: Entry) => topic)
      assert.deepEqual(await topics('filter=wott/secret&filter=wott/text'), ['wott/text'])
      assert.equal(JSON.parse((await read('filter=wott/secret')).stdout).code, 'read_denied')
      const nobody = await curl(null, caFile, `${url}/history?filter=%23`)
      assert.equal(JSON.parse(nobody.stdout).code, 'session_required')
    })

    it('is checked with the current rules, also while messages are published', async () => {
      const { at, reader, sensor } = opened
      const { code } = JSON.parse((await opened.get('filter=wott/%23', sensor)).stdout)
      assert.equal(code, 'read_denied')
      const publishing = opened.publish(readings(2001, 2900))
      const wide = await opened.json('filter=wott/temperature&limit=100000')
      await publishing
      const found = payloads(wide)
      assert.deepEqual(found.slice(0, 1001), numbers(1, 1001))
      assert.deepEqual(found.slice(1001), numbers(2001, 2900).slice(0, found.length - 1001))
      await writeFile(at.aclFile, `${ACL}user reader\ntopic deny wott/temperature\n`)
      await at.gateway.reload()
      const now = await opened.json('filter=wott/%23&limit=100000')
      assert.ok(now.entries.every(({ topic }: Entry) => topic !== 'wott/temperature'))
      assert.equal((await opened.json('filter=wott/temperature', reader)).code, 'read_denied')
      await writeFile(at.aclFile, ACL)
      await at.gateway.reload()
    })
  })

describe('the history', () => {
  it('reports messages that memory: no longer holds', async () => {
    // each message has 100 bytes with its topic of two digits
    const historyBytes = String(10 * (100 + 'wott/temperature'.length + 2))
    const opened = await open({ broker: 'memory:', historyBytes, historyBytesPerDevice: '1MiB' })
    await using _ = opened.at
    await opened.publish(readings(1, 30))
    const answer = await opened.json('filter=%23')
    assert.deepEqual(payloads(answer), numbers(21, 30))
    const reasons = answer.gaps.map(({ reason }: { reason: string }) => reason)
    assert.deepEqual(reasons.sort(), ['expired', 'restart'])
    const { stdout } = await opened.get('filter=%23&format=csv', opened.reader, '-i')
    assert.match(stdout, /^wott-gaps: restart, expired\r$/im)
    const [{ time }] = answer.entries
    const since = await opened.json(`filter=%23&from=${Date.parse(time) + 3_600_000}`)
    assert.equal(since.code, 'query_invalid')
  })

  for (const kind of ['memory:', 'file:'])
    it(`keeps messages of others, however much one device sends: ${kind}`, async () => {
      await using folder = await temporaryFolder()
      const broker = kind === 'file:' ? `file:${folder.path}` : kind
      const opened = await open({ broker, historyBytes: '100KiB', historyBytesPerDevice: '50KiB' })
      await using _ = opened.at
      const { at } = opened
      await writeFile(at.aclFile, `${ACL}user loud\ntopic write wott/#\n`)
      await at.gateway.reload()
      await opened.publish(readings(1, 10))
      await opened.publish([{ topic: 'wott/quiet', payload: 'still here' }])
      const loud = await opened.as('loud')
      for (let count = 0; count < 20; count++)
        await loud(
          Array.from({ length: 20 }, () => ({ topic: 'wott/loud', payload: 'x'.repeat(1000) })),
        )
      const answer = await opened.json('filter=wott/temperature&filter=wott/quiet')
      assert.deepEqual(payloads(answer), [...numbers(1, 10), 'still here'])
      const { entries } = await opened.json('filter=wott/loud&limit=1000')
      assert.ok(entries.length > 20)
      // file: deletes only messages older than a minute
      const most = kind === 'memory:' ? 60 * 1024 : Number.POSITIVE_INFINITY
      assert.ok(((await at.metric('wott_log_bytes')) ?? most) <= most)
    })

  it('uses the same ids as streams', async () => {
    const opened = await open({ broker: 'memory:' })
    await using _ = opened.at
    await opened.publish(readings(1, 3))
    const { entries } = await opened.json('filter=%23')
    const path = `/stream?filter=wott/%23&lastEventId=${entries[0].id}`
    using events = await eventSource(opened.at as TestGateway, opened.reader, path)
    const { id, data } = await events.next()
    assert.deepEqual({ id, ...JSON.parse(data) }, entries[1])
  })

  it('survives a restart of file:, and reports what a crash may have lost', async () => {
    await using folder = await temporaryFolder()
    const settings = { broker: `file:${folder.path}`, history: '5' }
    const first = await open(settings)
    await first.publish(readings(1, 20))
    await first.at.gateway.drain()
    const second = await open(settings)
    await using _ = second.at
    const answer = await second.json('filter=%23')
    assert.deepEqual([payloads(answer), answer.gaps], [numbers(1, 20), []])
    await second.publish(readings(21, 40))
    assert.deepEqual(payloads(await second.json('filter=%23&order=desc')), numbers(1, 40).reverse())
    await first.at[Symbol.asyncDispose]()
  })

  it('leaves out expired messages', async () => {
    const opened = await open({ broker: 'memory:' })
    await using _ = opened.at
    const url = `https://localhost:${opened.at.ports.device}/topics/wott/a`
    const { sensor } = opened
    await curl(sensor, sensor.caFile, '-d', 'x', `${url}?messageExpiry=1`)
    await curl(sensor, sensor.caFile, '-d', 'y', url)
    for (;;) {
      const found = payloads(await opened.json('filter=%23'))
      if (found.length === 1) {
        assert.deepEqual(found, ['y'])
        return
      }
    }
  })
})
