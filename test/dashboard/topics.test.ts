import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import { ago } from '../../src/dashboard/ago.ts'
import { createTopics, MOST_SERIES, MOST_TOPICS } from '../../src/dashboard/topics.ts'

const message = (topic: string, payload: string, time = 0, retain = false, id = 'e-0') => ({
  topic,
  payload,
  retain,
  device: 'sensor',
  id,
  time: new Date(time).toISOString(),
})

test('topics are sorted, match a part of their name or device, and keep their last messages', () => {
  const topics = createTopics()
  for (const name of ['b/Hot', 'a/cold', 'c']) topics.add(message(name, '1'))
  const names = (filter: string) => topics.matching(filter).map(({ name }) => name)
  assert.deepEqual(names(''), ['a/cold', 'b/Hot', 'c'])
  assert.deepEqual(names(' hot '), ['b/Hot'])
  assert.deepEqual(names('SENSOR').length, 3)
  for (let n = 0; n < 100; n++) topics.add(message('c', String(n), n))
  assert.equal(topics.get('c')?.messages.length, 50)
  assert.equal(topics.get('c')?.latest.payload.text, '99')
})

test('the content type of a message decides how its payload is shown', () => {
  const topics = createTopics()
  topics.add({ ...message('a', '"x"'), properties: { contentType: 'application/json' } })
  topics.add({ ...message('b', '"x"'), properties: {} })
  topics.add(message('c', '"x"'))
  const kinds = topics.matching('').map(({ latest }) => latest.payload.kind)
  assert.deepEqual(kinds, ['json', 'text', 'text'])
})

test('a retained message that is known is not new, but the same reading twice is two', () => {
  const topics = createTopics()
  topics.add(message('a', '1', 5))
  assert.equal(topics.add(message('a', '1', 5, true)), null)
  assert.equal(topics.add(message('a', '0', 4, true)), null)
  assert.notEqual(topics.add(message('a', '1', 5)), null)
  assert.equal(topics.get('a')?.messages.length, 2)
})

test('a late reading does not replace a newer one, and is inserted in order', () => {
  const topics = createTopics()
  const at = (payload: string, time: number, received: number) => ({
    ...message('a', payload, time),
    received: new Date(received).toISOString(),
  })
  topics.add(message('a', '1', 5000))
  topics.add(at('2', 2000, 6000))
  const topic = topics.get('a')
  assert.equal(topic?.latest.payload.text, '1')
  assert.ok(topic.lateAt > 0)
  assert.deepEqual(topic.series.get('')?.since(0), [
    [2, 5],
    [2, 1],
  ])
  // a retained message is recognised by its arrival time
  assert.equal(topics.add({ ...at('2', 2000, 6000), retain: true }), null)
  assert.notEqual(topics.add({ ...at('3', 3000, 7000), retain: true }), null)
  // the clock of the gateway was set back
  topics.add(message('a', '4', 4000))
  assert.equal(topics.get('a')?.latest.payload.text, '4')
})

test('the number of topics is bounded, with a message', () => {
  const topics = createTopics()
  for (let n = 0; n < MOST_TOPICS + 5; n++) topics.add(message(`t/${n}`, '1'))
  assert.deepEqual([topics.size, topics.leftOut], [MOST_TOPICS, 5])
})

test('a topic with new field names each time does not fill memory', () => {
  const topics = createTopics()
  for (let n = 0; n < 1000; n++) topics.add(message('a', JSON.stringify({ [`n${n}`]: n })))
  assert.equal(topics.get('a')?.series.size, MOST_SERIES)
})

test('a gap breaks every line', () => {
  const topics = createTopics()
  topics.add(message('a', '{"t":1,"h":2}', 1000))
  topics.breakAll(2000)
  const series = [...(topics.get('a')?.series.values() ?? [])]
  assert.deepEqual(
    series.map((one) => one.since(0)[1]),
    [
      [1, null],
      [2, null],
    ],
  )
})

test('ages are shown in words', () => {
  const texts = [0, 4, 59, 60, 3599, 3600, 86_399, 86_400].map((seconds) => ago(0, seconds * 1000))
  assert.deepEqual(texts, [
    'just now',
    'just now',
    '59 s ago',
    '1 min ago',
    '59 min ago',
    '1 h ago',
    '23 h ago',
    '1 d ago',
  ])
})

describe('the latest message of the log', () => {
  const payloads = (topics: ReturnType<typeof createTopics>) =>
    topics.get('a')?.messages.map(({ payload }) => payload.text)
  const latest = message('a', '5', 5, false, 'e-5')

  it('stays where the stream sends nothing, or an older retained message', () => {
    for (const id of ['e-9-r', 'e-9', 'e-5', 'f-1']) {
      const topics = createTopics()
      topics.addFromLog(latest)
      assert.equal(topics.add(message('a', '3', 3, true, id)), null)
      assert.deepEqual(payloads(topics), ['5'], id)
    }
  })

  it('follows earlier ones that the stream sends', () => {
    for (const retain of [false, true]) {
      const topics = createTopics()
      topics.addFromLog(latest)
      for (const n of [3, 4, 5, 6]) topics.add(message('a', String(n), n, retain, `e-${n}`))
      assert.deepEqual(payloads(topics), ['3', '4', '5', '6'])
      assert.equal(topics.addFromLog(latest), null)
    }
  })

  it('replaces an older retained message, once', () => {
    const topics = createTopics()
    topics.add(message('a', '3', 3, true, 'e-9'))
    topics.addFromLog(latest)
    assert.deepEqual(payloads(topics), ['5'])
    assert.equal(topics.add(message('a', '5', 5, false, 'e-5')), null)
    topics.add(message('a', '6', 6, false, 'e-6'))
    assert.deepEqual(payloads(topics), ['5', '6'])
  })
})
