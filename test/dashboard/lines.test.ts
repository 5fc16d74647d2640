import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { createLines } from '../../src/dashboard/lines.ts'
import { createTopics, type Topic } from '../../src/dashboard/topics.ts'

const EMPTY = { truncated: null, next: null, gaps: [] }

describe('the lines of a chart', () => {
  it('continue from the log with new messages, none twice', async (t) => {
    const now = Date.now()
    const topics = createTopics()
    const add = (payload: string, time: number) =>
      topics.add({
        id: 'e-1',
        topic: 'a',
        payload,
        device: 'd',
        retain: false,
        time: new Date(time).toISOString(),
      })
    add('1', now - 3000)
    const topic = add('2', now - 2000)
    assert.ok(topic)
    const urls = answerWith(t, {
      ...EMPTY,
      buckets: [bucket(now - 10_000, 1.5), bucket(now - 20_000, 7)],
      gaps: [{ reason: 'expired', message: 'Some is no longer kept.' }],
    })
    const lines = await loaded([topic], 600)
    const before = new URL(urls[0] ?? '', 'http://a').searchParams.get('to') ?? ''
    assert.equal(Date.parse(before), now - 1999)
    add('3', now - 1000)
    const [line] = lines.lines()
    assert.deepEqual(line?.points[1], [7, 1.5, 3])
    assert.deepEqual(line?.summary, { count: 3, min: 1.5, mean: 11.5 / 3, max: 7 })
    assert.deepEqual(line?.points[0], line?.points[0].toSorted())
    assert.ok(lines.state().sentences.includes('Some is no longer kept.'))
  })

  it('read the rest of an incomplete answer', async (t) => {
    const topics = createTopics()
    const time = new Date().toISOString()
    const topic = topics.add({
      id: 'e-1',
      topic: 'a',
      payload: '1',
      device: null,
      retain: false,
      time,
    })
    assert.ok(topic)
    const buckets = (ago: number) => [bucket(Date.now() - ago, ago)]
    const urls = answerWith(
      t,
      { ...EMPTY, buckets: buckets(20_000), truncated: 'work', next: 'ab-7' },
      { ...EMPTY, buckets: buckets(40_000) },
    )
    const lines = await loaded([topic], 600)
    assert.match(urls[1] ?? '', /&after=ab-7$/)
    assert.deepEqual(lines.lines()[0]?.points[1], [40_000, 20_000])
  })
})

it('the lines of a chart are read again for late messages, after a pause', async (t) => {
  t.mock.timers.enable({ apis: ['Date', 'setTimeout'], now: Date.now() })
  const topics = createTopics()
  const add = (payload: string, ago: number) => {
    const at = (time: number) => new Date(time).toISOString()
    const times = { time: at(Date.now() - ago), received: at(Date.now()) }
    return topics.add({ id: 'e-1', topic: 'a', payload, device: 'd', retain: false, ...times })
  }
  const topic = add('1', 0)
  assert.ok(topic)
  const urls = answerWith(t, { ...EMPTY, buckets: [] })
  const lines = await loaded([topic], 600)
  const before = urls.length
  t.mock.timers.tick(1000)
  add('2', 300_000)
  lines.renew()
  assert.equal(urls.length, before)
  t.mock.timers.tick(30_000)
  assert.equal(urls.length, before + 1)
  lines.stop()
})

function bucket(from: number, mean: number) {
  return { from: new Date(from).toISOString(), count: 1, min: mean, mean, max: mean }
}

/** Answers in turn; the last answer is repeated. */
function answerWith(t: TestContext, ...answers: object[]): string[] {
  const urls: string[] = []
  t.mock.method(globalThis, 'fetch', async (url: string) => {
    urls.push(url)
    return Response.json(answers[Math.min(urls.length, answers.length) - 1])
  })
  return urls
}

function loaded(
  topics: readonly Topic[],
  seconds: number,
): Promise<ReturnType<typeof createLines>> {
  return new Promise((resolve) => {
    const lines = createLines(() => {
      if (lines.state().kind === 'ready') resolve(lines)
    })
    lines.load(
      topics.map((topic) => ({ topic, field: '' })),
      { last: seconds },
    )
  })
}
