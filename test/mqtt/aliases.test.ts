import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createTopicAliases, createTopicResolver } from '../../src/mqtt/aliases.ts'
import type { Publish } from '../../src/mqtt/packets.ts'
import { ProtocolError, Reason } from '../../src/mqtt/reasons.ts'

const MOST = 3
const AVERAGE = 1024
/** The number of characters that the topics of three aliases may have together. */
const ROOM = 65_535

/** Resolves the topic of a client's PUBLISH with this topic and this alias. */
function resolver(most: number, isRoom: (length: number) => boolean = () => true) {
  const held: number[] = []
  const resolve = createTopicResolver(most, {
    resize(length) {
      held.push(length)
      return isRoom(length)
    },
  })
  const topic = (text: string, topicAlias: number) =>
    resolve({ topic: text, topicAlias } as Publish)
  return { topic, held }
}

const refusedWith = (reason: number) => (error: unknown) =>
  error instanceof ProtocolError && error.reason === reason

describe('topic aliases of a client [MQTT 5 §3.3.2.3.4]', () => {
  it('stand for the last topic that they were sent with', () => {
    const { topic } = resolver(MOST)
    assert.equal(topic('a', 1), 'a')
    assert.equal(topic('b', 3), 'b')
    assert.deepEqual([topic('', 1), topic('', 3), topic('c', 0)], ['a', 'b', 'c'])
    assert.equal(topic('d', 1), 'd')
    assert.equal(topic('', 1), 'd')
  })

  it('are refused beyond the maximum [MQTT-3.3.2-9]', () => {
    const { topic } = resolver(MOST)
    assert.throws(() => topic('a', MOST + 1), refusedWith(Reason.topicAliasInvalid))
    assert.throws(() => resolver(0).topic('a', 1), refusedWith(Reason.topicAliasInvalid))
  })

  it('are refused before they are set [MQTT-3.3.2-12]', () => {
    const { topic } = resolver(MOST)
    topic('a', 1)
    assert.throws(() => topic('', 2), refusedWith(Reason.protocolError))
  })

  it('count the memory of their current topics', () => {
    const { topic, held } = resolver(MOST)
    topic('abc', 1)
    topic('de', 2)
    topic('f', 1)
    topic('', 2)
    assert.deepEqual(held, [3, 5, 3])
  })

  it('are refused where their topics are too long together, or the budget of the device is used up', () => {
    const { topic } = resolver(MOST)
    topic('x'.repeat(ROOM - 1), 1)
    topic('y', 2)
    assert.throws(() => topic('zz', 2), refusedWith(Reason.topicAliasInvalid))
    const poor = resolver(MOST, (length) => length < 10)
    assert.equal(poor.topic('x'.repeat(9), 1), 'x'.repeat(9))
    assert.throws(() => poor.topic('x', 2), refusedWith(Reason.quotaExceeded))
    assert.throws(() => poor.topic('', 2), refusedWith(Reason.protocolError))
  })
})

describe('topic aliases for a client', () => {
  it('are given to the first topics, which are then sent once', () => {
    const { of } = createTopicAliases(2)
    assert.deepEqual(of('a'), { topic: 'a', topicAlias: 1 })
    assert.deepEqual(of('b'), { topic: 'b', topicAlias: 2 })
    assert.deepEqual(of('c'), { topic: 'c', topicAlias: 0 })
    assert.deepEqual(
      [of('a'), of('b')].map(({ topic, topicAlias }) => [topic, topicAlias]),
      [
        ['', 1],
        ['', 2],
      ],
    )
  })

  it('are not given to long topics', () => {
    const { of } = createTopicAliases(2)
    const long = 'x'.repeat(AVERAGE + 1)
    assert.deepEqual(of(long), { topic: long, topicAlias: 0 })
    assert.equal(of('x'.repeat(AVERAGE)).topicAlias, 1)
  })

  it('are set by the next packet where the packet that would set them is not sent', () => {
    const { of, takeBack } = createTopicAliases(2)
    of('a')
    takeBack('a')
    assert.deepEqual(of('b'), { topic: 'b', topicAlias: 1 })
    assert.deepEqual(of('a'), { topic: 'a', topicAlias: 2 })
  })
})
