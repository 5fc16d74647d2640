import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { before, describe, it } from 'node:test'
import { http1, mosquittoSub } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import {
  type BrokerFields,
  createNodeRed,
  type FlowNode,
  flowWith,
  installNodeRed,
} from '../support/node-red.ts'

const SENSOR = 'sensor.d.wott.local'
const NODE_RED = 'node-red.d.wott.local'
const ACL = `user ${SENSOR}
topic write readings/${SENSOR}
topic read cmd/${SENSOR}/#
user ${NODE_RED}
topic read readings/+
topic write fahrenheit/+
topic write cmd/#
topic write flow/birth
user witness
topic readwrite #
`
/** The topic that Node-RED publishes after it has subscribed. */
const BIRTH = { birthTopic: 'flow/birth', birthPayload: 'online', birthQos: '1' }

/** A flow that converts each reading, and sends a command to cool where it is too warm. */
const THERMOSTAT: FlowNode[] = [
  { id: 'in', type: 'mqtt in', topic: 'readings/+', qos: '1', wires: [['convert']] },
  {
    id: 'convert',
    type: 'function',
    outputs: 2,
    wires: [['out'], ['out']],
    func: `const id = msg.topic.split('/')[1]
      const warm = Number(msg.payload)
      return [
        { topic: 'fahrenheit/' + id, payload: warm * 1.8 + 32 },
        warm > 25 ? { topic: 'cmd/' + id + '/fan', payload: 'on' } : null,
      ]`,
  },
  { id: 'out', type: 'mqtt out', qos: '1', wires: [] },
]

async function flowOfTheDocs(): Promise<{ acl: string; nodes: FlowNode[] }> {
  const page = await readFile(resolve(import.meta.dirname, '../../docs/clients.md'), 'utf8')
  const [, section = ''] = page.split('### Ask a device that sleeps')
  const [, json = ''] = /```json\n(.*?)```/s.exec(section) ?? []
  const [, acl = ''] = /```\n(user .*?)```/s.exec(section) ?? []
  const nodes: FlowNode[] = JSON.parse(json)
  // the debug node also writes to the log
  return { acl, nodes: nodes.map((node) => ({ ...node, console: 'true' })) }
}

async function actors(at: TestGateway) {
  const [sensor, nodeRed, witness] = [
    await at.pki.issue(SENSOR),
    await at.pki.issue(NODE_RED),
    await at.pki.issue('witness'),
  ]
  return {
    nodeRed,
    witness,
    call: (method: string, path: string, body?: string) =>
      http1(at, sensor, { method, path, ...(body === undefined ? {} : { body }) }),
  }
}

describe('Node-RED itself', () => {
  before(installNodeRed, { timeout: 110_000 })

  for (const protocolVersion of [4, 5] as const)
    it(`converts readings and sends commands with protocol version ${protocolVersion}`, async () => {
      await using at = await startGateway({ acl: ACL })
      const { nodeRed, witness, call } = await actors(at)
      await using seen = await mosquittoSub(at, witness, '#', '-q', '1')
      const fields: BrokerFields = { protocolVersion, ...BIRTH }
      await using program = await createNodeRed(flowWith(at, nodeRed, fields, THERMOSTAT))
      await using _running = await program.start()
      assert.equal(await seen.next(), 'flow/birth online')

      // commands are stored from the first request on
      const path = `/topics/readings/${SENSOR}?command=1`
      const first = await call('POST', path, '21.5')
      assert.deepEqual([first.status, first.json.command], [200, null], first.text)
      assert.equal(await seen.next(), `readings/${SENSOR} 21.5`)
      assert.equal(await seen.next(), `fahrenheit/${SENSOR} 70.7`)
      await call('POST', path, '30')
      const rest = [await seen.next(), await seen.next(), await seen.next()]
      const topics = [`readings/${SENSOR} 30`, `fahrenheit/${SENSOR} 86`, `cmd/${SENSOR}/fan on`]
      assert.deepEqual(rest.sort(), topics.sort())
      const { json } = await call('GET', '/commands?wait=20')
      assert.deepEqual(
        json.commands.map(({ payload, device }: Record<string, string>) => [payload, device]),
        [['on', NODE_RED]],
      )
    })

  it('sends a request to a sleeping device with the flow of the docs, and gets its reply', async () => {
    const { acl, nodes } = await flowOfTheDocs()
    await using at = await startGateway({
      acl: `${acl}topic write readings/+\nuser ${NODE_RED}\ntopic write flow/birth\nuser witness\ntopic read flow/#\n`,
    })
    const { nodeRed, witness, call } = await actors(at)
    const post = async (more = '') =>
      (await call('POST', `/topics/readings/${SENSOR}?command=1${more}`, '21.5')).json
    assert.equal((await post()).command, null)
    await using seen = await mosquittoSub(at, witness, 'flow/birth')
    const fields: BrokerFields = { protocolVersion: 5, ...BIRTH }
    await using program = await createNodeRed(flowWith(at, nodeRed, fields, nodes))
    await using running = await program.start()
    assert.equal(await seen.next(), 'flow/birth online')

    await running.press('every')
    assert.equal((await call('GET', '/commands?wait=20')).json.commands.length, 1)
    const { command } = await post()
    assert.equal(command.payload, 'temperature?')
    assert.equal(command.properties.responseTopic, 'answers/node-red')
    await call('POST', `/commands/${command.id}/reply`, '21.5')
    const question = Buffer.from(command.properties.correlationData, 'base64').toString('hex')
    const bytes = question.match(/../g)?.join(' ')
    await running.line(new RegExp(`correlationData: <Buffer ${bytes}>`))
    await running.line(/^ {2}payload: '21\.5'/)
    assert.equal((await post()).command, null)
  })

  for (const [autoUnsubscribe, name] of [
    [false, 'receives what it missed while it was stopped, when it keeps its subscriptions'],
    [true, 'receives nothing from while it was stopped, when it unsubscribes'],
  ] as const)
    it(name, async () => {
      await using at = await startGateway({ acl: ACL })
      const { nodeRed, witness, call } = await actors(at)
      await using seen = await mosquittoSub(at, witness, 'flow/birth', '-t', 'fahrenheit/#')
      const fields: BrokerFields = {
        protocolVersion: 5,
        clientid: 'flow',
        cleansession: false,
        sessionExpiry: '86400',
        autoUnsubscribe,
        ...BIRTH,
      }
      await using program = await createNodeRed(flowWith(at, nodeRed, fields, THERMOSTAT))
      const readings = `/topics/readings/${SENSOR}?qos=1`
      {
        await using running = await program.start()
        assert.equal(await seen.next(), 'flow/birth online')
        await running.stop()
      }
      await call('POST', readings, '10')
      await using _running = await program.start()
      const arrived = [await seen.next()]
      if (!autoUnsubscribe) arrived.push(await seen.next())
      await call('POST', readings, '20')
      arrived.push(await seen.next())
      const missed = autoUnsubscribe ? [] : [`fahrenheit/${SENSOR} 50`]
      assert.deepEqual(
        arrived.sort(),
        [...missed, `fahrenheit/${SENSOR} 68`, 'flow/birth online'].sort(),
      )
    })
})
