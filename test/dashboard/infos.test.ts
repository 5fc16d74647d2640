import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import fc from 'fast-check'
import { createInfos } from '../../src/dashboard/infos.ts'
import { createTopics } from '../../src/dashboard/topics.ts'
import { topicMatches } from '../../src/topic/match.ts'

const number = { field: null, name: null, unit: null, min: null, max: null }

function answerWith({ mock }: TestContext, answer: object): void {
  mock.method(globalThis, 'fetch', async () => Response.json(answer))
}

async function loaded(t: TestContext, patterns: object[], silence: number | null = null) {
  answerWith(t, { silence, patterns })
  const infos = createInfos()
  assert.equal(await infos.load(), true)
  return infos
}

describe('the information of the dashboard about topics', () => {
  it('has their names, units and limits, by the first pattern that covers them', async (t) => {
    const infos = await loaded(t, [
      {
        pattern: 'a/+/t',
        silence: 60,
        fields: [
          { ...number, name: 'Heat of %1', unit: '°C', min: -1, max: 30 },
          { ...number, field: 'h', unit: '%', max: 80 },
        ],
      },
      { pattern: 'a/#', silence: null, fields: [{ ...number, name: 'Other %1' }] },
    ])
    assert.equal(infos.titleOf('a/x/t'), 'Heat of x')
    assert.equal(infos.labelOf('a/x/t', ''), 'Heat of x (°C)')
    assert.equal(infos.labelOf('a/x/t', 'h'), 'a/x/t h (%)')
    assert.equal(infos.titleOf('a/x/y'), 'Other x/y')
    assert.equal(infos.titleOf('b'), 'b')
    assert.equal(infos.withUnit('a/x/t', '', '21'), '21 °C')
    assert.equal(infos.withUnit('b', '', '21'), '21')
    assert.equal(infos.beyond('a/x/t', '', -2), 'below -1 °C')
    assert.equal(infos.beyond('a/x/t', '', 30), '')
    assert.equal(infos.beyond('a/x/t', 'h', 81), 'above 80 %')
    assert.equal(infos.beyond('b', '', 1e9), '')
    assert.equal(await infos.load(), false)
  })

  it('says when they are silent, by their arrival and not by their time of measurement', async (t) => {
    const infos = await loaded(t, [{ pattern: 'quiet', silence: null, fields: [] }], 60)
    const now = Date.now()
    const topics = createTopics()
    const add = (topic: string, time: number, received: number, device = 'd') => {
      const at = { time: new Date(time).toISOString(), received: new Date(received).toISOString() }
      const added = topics.add({
        id: 'e-1',
        topic,
        payload: '1',
        device,
        retain: false,
        ...at,
      })
      assert.ok(added)
      return added
    }
    const silent = (...at: Parameters<typeof add>) => infos.isSilent(add(...at), now)
    assert.equal(silent('a', now - 61_000, now - 61_000), true)
    assert.equal(silent('a', now - 500_000, now - 1_000), false)
    assert.equal(silent('status/d', now - 61_000, now - 61_000, '$gateway'), false)
    assert.equal(silent('quiet', now - 1e9, now - 1e9), false)
  })

  it('matches filters as the gateway does', async (t) => {
    const level = fc.constantFrom('a', 'b', '', '+', '$s')
    const path = fc.array(level, { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(path, fc.boolean(), path, async (filterLevels, all, topicLevels) => {
        const filter = [...filterLevels, ...(all ? ['#'] : [])].join('/')
        const topic = topicLevels.join('/').replaceAll('+', 'c')
        const infos = await loaded(t, [
          { pattern: filter, silence: null, fields: [{ ...number, name: 'yes' }] },
        ])
        t.mock.restoreAll()
        assert.equal(infos.titleOf(topic) === 'yes', topicMatches(filter, topic))
      }),
    )
  })
})
