import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import type { MqttClient } from 'mqtt'
import { type Events, eventSource, mqtt } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'

const READER = 'user reader.d.wott.local\n'
const WRITER = 'user writer.d.wott.local\ntopic readwrite #\n'
const ACL = `${WRITER}${READER}topic read #\n`
const HISTORY = 50

describe('a stream that resumes', () => {
  let at: TestGateway
  let reader: Credentials
  let publisher: MqttClient

  before(async () => {
    at = await startGateway({
      acl: ACL,
      settings: { history: String(HISTORY), historyBytes: '20KiB', historyBytesPerDevice: '40KiB' },
    })
    reader = await at.pki.issue('reader.d.wott.local')
    publisher = await mqtt(at, await at.pki.issue('writer.d.wott.local'))
  })
  after(async () => {
    await publisher.endAsync()
    await at[Symbol.asyncDispose]()
  })

  const publish = (topic: string, payload: string, retain = false) =>
    publisher.publishAsync(topic, payload, { qos: 1, retain })

  async function payloads(
    events: Events,
    count: number,
  ): Promise<{ ids: string[]; payloads: string[] }> {
    const seen = { ids: [] as string[], payloads: [] as string[] }
    for (let index = 0; index < count; index++) {
      const { id = '', data } = await events.next()
      seen.ids.push(id)
      seen.payloads.push(JSON.parse(data).payload)
    }
    return seen
  }

  it('receives all later messages without a gap or a repeat, while more are published', async () => {
    let published = 0
    let publishing = true
    const work = (async () => {
      while (publishing) await publish('load', String(published++))
    })()
    let last: string | undefined
    let expected: number | undefined
    for (let connection = 0; connection < 10; connection++) {
      using events = await eventSource(
        at,
        reader,
        '/topics/load',
        last ? { 'last-event-id': last } : {},
      )
      for (let count = 0; count < 5; count++) {
        const { event, id, data } = await events.next()
        assert.equal(event, undefined)
        const number = Number(JSON.parse(data).payload)
        assert.equal(number, expected ?? number)
        expected = number + 1
        last = id
      }
    }
    publishing = false
    await work
  })

  it('begins with the whole history for "earliest", each message once, older retained ones first', async () => {
    await publish('whole/kept', 'old', true)
    for (let n = 0; n < HISTORY; n++) await publish('whole/a', `passed ${n}`)
    for (const payload of ['1', '2']) await publish('whole/a', payload)
    await publish('whole/kept-too', '3', true)
    using events = await eventSource(at, reader, '/stream?filter=whole/%23&lastEventId=earliest')
    const seen = await payloads(events, HISTORY + 1)
    await publish('whole/a', '4')
    const { id, event, data } = await events.next()
    assert.equal(event, undefined)
    assert.equal(JSON.parse(data).payload, '4')
    assert.equal(seen.payloads[0], 'old')
    assert.deepEqual(seen.payloads.slice(-4), [`passed ${HISTORY - 1}`, '1', '2', '3'])
    assert.equal(new Set(seen.payloads).size, HISTORY + 1)
    // a stream that broke off after the first of them receives the rest
    using again = await eventSource(at, reader, '/stream?filter=whole/%23', {
      'last-event-id': seen.ids[1] ?? '',
    })
    assert.equal((await payloads(again, HISTORY)).ids.at(-1), id)
  })

  it('reads the id from the header before the one in the URL', async () => {
    using first = await eventSource(at, reader, '/topics/order')
    for (const payload of ['1', '2', '3']) await publish('order', payload)
    const { ids } = await payloads(first, 3)
    using second = await eventSource(at, reader, `/topics/order?lastEventId=${ids[0]}`)
    assert.deepEqual((await payloads(second, 2)).payloads, ['2', '3'])
    using third = await eventSource(at, reader, `/topics/order?lastEventId=${ids[0]}`, {
      'last-event-id': ids[1] as string,
    })
    assert.deepEqual((await payloads(third, 1)).payloads, ['3'])
  })

  it('receives a gap event where the history is too short, and then retained messages', async () => {
    using first = await eventSource(at, reader, '/topics/gap')
    await publish('gap', 'before')
    const { ids } = await payloads(first, 1)
    await publish('gap', 'kept', true)
    for (let count = 0; count < 20; count++) await publish('other', 'x'.repeat(1024))
    for (const id of [ids[0] as string, 'feedface-1', 'no id at all']) {
      using again = await eventSource(at, reader, '/topics/gap', { 'last-event-id': id })
      const gap = await again.next()
      assert.equal(gap.event, 'gap')
      assert.equal(JSON.parse(gap.data).lastEventId, id)
      assert.deepEqual((await payloads(again, 1)).payloads, ['kept'])
      // the id of the gap can be resumed from, and these messages come after it
      using resumed = await eventSource(at, reader, '/topics/gap', {
        'last-event-id': gap.id as string,
      })
      await publish('gap', 'live')
      assert.deepEqual((await payloads(resumed, 2)).payloads, ['kept', 'live'])
    }
    await publish('gap', '', true)
  })

  it('receives the retained messages again when it broke off among them', async () => {
    for (const name of ['a', 'b', 'c']) await publish(`kept/${name}`, name, true)
    using first = await eventSource(at, reader, '/topics/kept/%23')
    const { ids } = await payloads(first, 3)
    await publish('kept/d', 'd')
    using inTheMiddle = await eventSource(at, reader, '/topics/kept/%23', {
      'last-event-id': ids[0] as string,
    })
    assert.deepEqual((await payloads(inTheMiddle, 4)).payloads.sort(), ['a', 'b', 'c', 'd'])
    using atTheEnd = await eventSource(at, reader, '/topics/kept/%23', {
      'last-event-id': ids[2] as string,
    })
    assert.deepEqual((await payloads(atTheEnd, 1)).payloads, ['d'])
    for (const name of ['a', 'b', 'c']) await publish(`kept/${name}`, '', true)
  })

  it('checks every replayed message with the current rules', async () => {
    using first = await eventSource(at, reader, '/topics/rights/%23')
    await publish('rights/start', '0')
    const { ids } = await payloads(first, 1)
    for (const name of ['yes', 'no']) await publish(`rights/${name}`, name)
    await writeFile(at.aclFile, `${WRITER}${READER}topic read #\ntopic deny rights/no\n`)
    await at.gateway.reload()
    using again = await eventSource(at, reader, '/topics/rights/%23', {
      'last-event-id': ids[0] as string,
    })
    await publish('rights/end', 'end')
    assert.deepEqual((await payloads(again, 2)).payloads, ['yes', 'end'])
    await writeFile(at.aclFile, ACL)
    await at.gateway.reload()
  })

  it('ends with a reason when new rules allow nothing, and applies other new rules at once', async () => {
    using hopeless = await eventSource(at, reader, '/topics/lost/%23')
    using narrowed = await eventSource(at, reader, '/stream?filter=lost/%23&filter=held')
    await writeFile(at.aclFile, `${WRITER}${READER}topic read held\n`)
    await at.gateway.reload()
    const { event, data } = await hopeless.next()
    assert.deepEqual([event, JSON.parse(data).code], ['end', 'read_denied'])
    await hopeless.ended()
    await publish('lost/x', 'lost')
    await publish('held', 'held')
    assert.deepEqual((await payloads(narrowed, 1)).payloads, ['held'])
    await assert.rejects(eventSource(at, reader, '/topics/lost/%23'), /read_denied/)
    await writeFile(at.aclFile, ACL)
    await at.gateway.reload()
  })
})
