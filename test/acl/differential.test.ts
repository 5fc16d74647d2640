import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { connectAsync, type MqttClient } from 'mqtt'
import { decide, isReserved } from '../../src/acl/decide.ts'
import { parseAcl } from '../../src/acl/parse.ts'
import type { Who } from '../../src/acl/rules.ts'
import { type Mosquitto, startMosquitto } from '../support/mosquitto.ts'
import { SEED } from '../support/seed.ts'
import { anyFile, DOLLARS, goodFile, NAMES, oddFile, topic } from './generator.ts'
import { rulesOf } from './rules-of.ts'

// ACL_DIFFERENTIAL_ROUNDS=1000 makes a longer run; FUZZ_SEED repeats a failed one
const rounds = Number(process.env.ACL_DIFFERENTIAL_ROUNDS ?? 40)

// the test's own client, which may do everything
const CONTROL: Who = { user: 'control', clientId: 'control' }
const roots = [
  '#',
  '$open',
  ...DOLLARS.filter((name) => name !== '$share').map((name) => `${name}/#`),
]
const controlSection = [
  '',
  'user control',
  ...roots.map((root) => `topic readwrite ${root}`),
  '',
].join('\n')

test('a real Mosquitto publishes and delivers exactly what decide allows', async (t) => {
  t.diagnostic(`FUZZ_SEED=${SEED}`)
  await using broker = await startMosquitto({ acl: controlSection })
  await using control = await connectTo(broker, CONTROL)
  await using clients = await connectAll(broker)
  const topics = fc.uniqueArray(topic, { minLength: 20, maxLength: 20 })
  let asked = 0
  let allowed = 0
  for (const [text, names] of fc.sample(fc.tuple(goodFile, topics), {
    numRuns: rounds,
    seed: SEED,
  })) {
    const file = text + controlSection
    await broker.use(file)
    const rules = rulesOf(file)

    for (const [index, name] of names.entries()) await control.publish(name, `live ${index}`)
    for (const { who, publish } of clients.all)
      for (const [index, name] of names.entries()) await publish(name, `${who.clientId} ${index}`)
    const got = await control.received()
    for (const { who, received } of clients.all) {
      const own = await received()
      for (const [index, name] of names.entries()) {
        const question = `${JSON.stringify({ ...who, topic: name })} in\n${file}`
        const mayPublish = decide(rules, who, 'publish', name).allowed
        assert.equal(got.has(`${who.clientId} ${index}`), mayPublish, `publish ${question}`)
        asked += 1
        allowed += Number(mayPublish)
        // such a name can be received, but no client here can publish to it
        if (isReserved('publish', name)) continue
        const mayReceive = decide(rules, who, 'receive', name).allowed
        assert.equal(own.has(`live ${index}`), mayReceive, `receive ${question}`)
        asked += 1
        allowed += Number(mayReceive)
      }
    }
  }
  t.diagnostic(`${asked} questions, ${allowed} of them allowed`)
})

test('a real Mosquitto loads exactly the files that parse', async (t) => {
  t.diagnostic(`FUZZ_SEED=${SEED}`)
  await using broker = await startMosquitto({ acl: '' })
  // no rule here covers this topic: it arrives only where Mosquitto refused a bad file and allows everything
  await using nobody = await connectTo(broker, { user: 'nobody', clientId: 'nobody' })
  let refused = 0
  const files = fc.oneof(anyFile, oddFile)
  for (const file of fc.sample(files, { numRuns: rounds * 5, seed: SEED })) {
    await broker.use(file)
    await nobody.publish('$open', 'open')
    const isOpen = (await nobody.received()).has('open')
    assert.equal(parseAcl(Buffer.from(file)).ok, !isOpen, JSON.stringify(file))
    refused += Number(isOpen)
  }
  t.diagnostic(`${rounds * 5} files, ${refused} of them refused`)
})

test('a last line that exactly fills the buffer of a real Mosquitto is ignored, here too', async () => {
  const deny = (length: number) => `topic deny ${'x/'.repeat(100)}${'x'.repeat(length - 211)}`
  const head = [
    'user control',
    ...roots.map((root) => `topic readwrite ${root}`),
    'user alice',
    'topic #',
  ]
  await using broker = await startMosquitto({ acl: '' })
  await using control = await connectTo(broker, CONTROL)
  await using alice = await connectTo(broker, { user: 'alice', clientId: 'c2' })
  for (const before of [20, 254, 255, 256, 700, 1254, 1255, 1256])
    for (const length of [253, 254, 255, 256, 257, 1254, 1255, 1256, 2255])
      for (const end of ['', '\n']) {
        const file = [...head, '#'.repeat(before), deny(length)].join('\n') + end
        await broker.use(file)
        const name = deny(length).slice('topic deny '.length)
        await control.publish(name, 'live')
        const seen = await alice.received()
        const { allowed } = decide(rulesOf(file), alice.who, 'receive', name)
        assert.equal(seen.has('live'), allowed, `${length} after ${before}${end && ', ended'}`)
      }
})

interface Client extends AsyncDisposable {
  readonly who: Who
  /** Resolves when the broker has acknowledged it; it acknowledges denied messages too. */
  publish(topic: string, payload: string): Promise<unknown>
  /** The payloads received since the last call, including those still on their way. */
  received(): Promise<Set<string>>
}

async function connectTo({ port }: Mosquitto, who: Who): Promise<Client> {
  const client: MqttClient = await connectAsync({
    host: '127.0.0.1',
    port,
    clientId: who.clientId,
    ...(who.user === null ? {} : { username: who.user }),
    reconnectPeriod: 0,
  })
  let payloads = new Set<string>()
  client.on('message', (_, payload) => payloads.add(payload.toString()))
  await client.subscribeAsync(roots)
  return {
    who,
    publish: (name, payload) => client.publishAsync(name, payload, { qos: 1 }),
    async received() {
      // a SUBACK arrives after every message that the broker sent before it
      await client.subscribeAsync('fence')
      const since = payloads
      payloads = new Set()
      return since
    },
    [Symbol.asyncDispose]: () => client.endAsync(true),
  }
}

async function connectAll(broker: Mosquitto): Promise<AsyncDisposable & { all: Client[] }> {
  const stack = new AsyncDisposableStack()
  const all: Client[] = []
  for (const who of NAMES) all.push(stack.use(await connectTo(broker, who)))
  return { all, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}
