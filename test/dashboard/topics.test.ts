import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ago } from '../../src/dashboard/ago.ts'
import { createTopics, MOST_SERIES, MOST_TOPICS } from '../../src/dashboard/topics.ts'

const message = (topic: string, payload: string, time = 0, retain = false) => ({
  ...{ topic, payload, retain, device: 'sensor' },
  time: new Date(time).toISOString(),
})

test('topics are sorted, found by a part of their name or device, and keep their last messages', () => {
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

test('the content type of a message says how its payload is shown', () => {
  const topics = createTopics()
  topics.add({ ...message('a', '"x"'), properties: { contentType: 'application/json' } })
  topics.add({ ...message('b', '"x"'), properties: {} })
  topics.add(message('c', '"x"'))
  const kinds = topics.matching('').map(({ latest }) => latest.payload.kind)
  assert.deepEqual(kinds, ['json', 'text', 'text'])
})

test('a retained message that is here already is no new one, and the same reading twice is two', () => {
  const topics = createTopics()
  topics.add(message('a', '1', 5))
  assert.equal(topics.add(message('a', '1', 5, true)), null)
  assert.equal(topics.add(message('a', '0', 4, true)), null)
  assert.notEqual(topics.add(message('a', '1', 5)), null)
  assert.equal(topics.get('a')?.messages.length, 2)
})

test('there are no more topics than a page can hold, and it is said', () => {
  const topics = createTopics()
  for (let n = 0; n < MOST_TOPICS + 5; n++) topics.add(message(`t/${n}`, '1'))
  assert.deepEqual([topics.size, topics.leftOut], [MOST_TOPICS, 5])
})

test('a topic that names its numbers anew each time fills no memory', () => {
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

test('how long ago', () => {
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
