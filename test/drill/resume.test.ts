import assert from 'node:assert/strict'
import { Agent } from 'node:https'
import { after, before, describe, it } from 'node:test'
import type { StreamEvent } from '../support/clients.ts'
import { connackOf, httpPost, mqttClient } from './clients.ts'
import { type KillableGateway, startKillable } from './gateway.ts'
import { eventsOf } from './streams.ts'

describe('a stream that resumes with another process', () => {
  let gateway: KillableGateway
  let agent: Agent

  before(async () => {
    gateway = await startKillable()
    const { ca, certificate: cert, key } = gateway.device
    agent = new Agent({ ca, cert, key, keepAlive: true })
  })
  after(async () => {
    agent.destroy()
    await gateway[Symbol.asyncDispose]()
  })

  async function publish(topic: string, payload: string, qos: 0 | 1 = 1): Promise<void> {
    assert.ok(await httpPost(agent, gateway.ports.https, topic, payload, `qos=${qos}`), payload)
  }

  /** Reads the events of one connection up to a number of messages. */
  async function read(topic: string, count: number, lastEventId?: string, onBegun = () => {}) {
    const events: StreamEvent[] = []
    let messages = 0
    for await (const event of eventsOf(gateway, `/topics/${topic}`, lastEventId)) {
      events.push(event)
      if (events.length === 1) onBegun()
      if (event.event === undefined) messages += 1
      if (messages === count) break
    }
    const payloads = events
      .filter(({ event }) => event === undefined)
      .map(({ data }) => JSON.parse(data).payload)
    const gaps = events
      .filter(({ event }) => event !== undefined)
      .map(({ event, data }) => {
        const { message: _message, ...said } = JSON.parse(data)
        return { event, ...said }
      })
    return { payloads, gaps, last: events.at(-1)?.id ?? '' }
  }

  /** The id of a message that a stream gets while it is open. */
  async function begin(topic: string): Promise<string> {
    await httpPost(agent, gateway.ports.https, topic, 'first', 'qos=1&retain=true')
    const { last } = await read(topic, 1)
    await httpPost(agent, gateway.ports.https, topic, '', 'qos=1&retain=true')
    return last
  }

  it('gets all messages acknowledged before a kill -9, in order and once, and is told of a gap', async () => {
    const lastEventId = await begin('killed')
    // the message that clears the retained one comes too
    const expected = ['']
    for (let n = 0; n < 200; n++) {
      await publish('killed', `${n}`)
      expected.push(`${n}`)
    }
    await gateway.kill()
    await gateway.restart()
    await publish('killed', 'after')
    const { payloads, gaps, last } = await read('killed', 202, lastEventId)
    assert.deepEqual(payloads, [...expected, 'after'])
    assert.deepEqual(gaps, [{ event: 'gap', lastEventId, reason: 'restart', qos: 0, seconds: 1 }])
    // nothing is missing after that
    await publish('killed', 'more')
    const { payloads: rest, gaps: none } = await read('killed', 1, last)
    assert.deepEqual([rest, none], [['more'], []])
  })

  it('gets all messages after a clean stop, also QoS 0, and no gap', async () => {
    const lastEventId = await begin('stopped')
    const expected = ['']
    for (let n = 0; n < 200; n++) {
      await publish('stopped', `${n}`, (n % 2) as 0 | 1)
      expected.push(`${n}`)
    }
    await gateway.stop()
    await gateway.restart()
    await publish('stopped', 'after', 0)
    const { payloads, gaps } = await read('stopped', 202, lastEventId)
    assert.deepEqual(payloads, [...expected, 'after'])
    assert.deepEqual(gaps, [])
  })

  it('is told that the id of another store is unknown', async () => {
    await httpPost(agent, gateway.ports.https, 'kept', 'kept', 'qos=1&retain=true')
    for (const lastEventId of ['0123456789ab-5', 'no id']) {
      const { payloads, gaps } = await read('kept', 1, lastEventId)
      assert.deepEqual(payloads, ['kept'])
      assert.deepEqual(gaps, [{ event: 'gap', lastEventId, reason: 'unknown_id' }])
    }
  })

  it('gets 5,000 messages from the disk while more are published', async () => {
    const lastEventId = await begin('many')
    const client = mqttClient(gateway, 'many')
    await connackOf(client)
    for (let n = 0; n < 5_000; n += 1_000)
      await Promise.all(
        Array.from({ length: 1_000 }, (_, k) =>
          client.publishAsync('many', `${n + k}`, { qos: 1 }),
        ),
      )
    await gateway.stop()
    await gateway.restart()
    let more = 5_000
    let isReading = true
    let publishing = Promise.resolve()
    const go = () => {
      publishing = (async () => {
        while (isReading) {
          await client.publishAsync('many', `${more}`, { qos: 1 })
          more += 1
        }
      })()
    }
    const { payloads, gaps } = await read('many', 5_101, lastEventId, go)
    isReading = false
    await publishing
    await client.endAsync()
    assert.deepEqual(gaps, [])
    assert.deepEqual(payloads, ['', ...Array.from({ length: 5_100 }, (_, n) => `${n}`)])
  })
})
