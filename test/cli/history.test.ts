import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type DevGateway, startDev } from './dev-gateway.ts'
import { run } from './program.ts'

const TOPIC = 'wott/temperature'

describe('history', () => {
  let at: DevGateway
  before(async () => {
    at = await startDev()
    for (const value of ['20', '22', 'warm,\n"very"\n# {}'])
      await at.pub(TOPIC, value, ...at.via.https)
  })
  after(() => at[Symbol.asyncDispose]())

  const https = () => at.via.https.filter((word) => word !== '--via' && word !== 'https')
  const history = (...args: string[]) => run(['history', ...args, ...https()], at)

  it('prints messages as NDJSON, CSV and JSON', async () => {
    const { code, stdout, stderr } = await history(TOPIC, '--since', '1h')
    assert.deepEqual([code, stderr], [0, ''])
    const lines = stdout.trimEnd().split('\n')
    const payloads = lines.map((line) => JSON.parse(line).payload)
    assert.deepEqual(payloads, ['20', '22', 'warm,\n"very"\n# {}'])
    const csv = await history(TOPIC, '--format', 'csv')
    assert.match(
      csv.stdout,
      /^id,time,topic,payload,.*\r\n(?:.*,20,.*\r\n)(?:.*,22,.*\r\n).*"warm,/,
    )
    assert.ok(
      csv.stdout.endsWith(
        '\n"very""\n# {}",,sensor.d.wott.local,0,false,,\r\n'.replace('"very""', '""very""'),
      ),
      csv.stdout,
    )
    const json = await history(TOPIC, '--format', 'json')
    assert.deepEqual(
      JSON.parse(json.stdout),
      lines.map((line) => JSON.parse(line)),
    )
    assert.equal((await history('wott/temperature/none', '--format', 'json')).stdout, '')
  })

  it('prints a number of messages, from either end', async () => {
    const { stdout } = await history(TOPIC, '--limit', '2', '--newest', '--format', 'json')
    const payloads = JSON.parse(stdout).map(({ payload }: { payload: string }) => payload)
    assert.deepEqual(payloads, ['warm,\n"very"\n# {}', '22'])
  })

  it('prints buckets', async () => {
    const { stdout } = await history(TOPIC, '--every', '366d', '--format', 'csv')
    assert.match(
      stdout,
      /^from,topic,count,min,mean,max,last\r\n[^,]+Z,wott\/temperature,2,20,21,22,22\r\n$/,
    )
  })

  const refused: [string[], number, RegExp][] = [
    [['secret'], 1, /^wott-gateway: refused: .* \(read_denied\)\n$/],
    [['a/#/b'], 1, /\(topic_invalid\)\n$/],
    [
      [TOPIC, '--since', 'yesterday'],
      2,
      /--since must be 6h .* or a time such as .*, not "yesterday"/,
    ],
    [[TOPIC, '--until', '6 h'], 2, /--until must be 6h .*, not "6 h"/],
    [[TOPIC, '--format', 'xml'], 2, /--format must be ndjson, csv, json, not "xml"/],
    [[TOPIC, '--field', 'a'], 2, /--field needs --every/],
    [[TOPIC, '--limit', '0'], 2, /--limit must be a whole number/],
    [[], 2, /FILTER is missing/],
    [[TOPIC, '--via', 'mqtt'], 2, /unknown option --via/],
  ]
  it('reports errors', async () => {
    for (const [args, code, said] of refused) {
      const ran = await history(...args)
      assert.match(ran.stderr, said)
      assert.deepEqual([ran.code, ran.stdout], [code, ''])
    }
    const nobody = await run(['history', 'a', '--port', '1', ...https().slice(2)], at)
    assert.match(nobody.stderr, /^wott-gateway: nothing is listening on localhost:1 \(https\)/)
  })
})
