import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createMapping } from '../../src/bridge/mapping.ts'
import { bridgeTopicsText, parseBridgeTopics } from '../../src/config/bridge-topics.ts'

const mappingOf = (text: string) => createMapping(parseBridgeTopics(text))

describe('the topics of a bridge', () => {
  it('are mapped by the first line that covers them', () => {
    const { toRemote, toLocal } = mappingOf('a/# out 0 "" x/; # both 1 "" y/')
    assert.deepEqual(toRemote('a/b'), { topic: 'x/a/b', qos: 0 })
    assert.deepEqual(toRemote('b'), { topic: 'y/b', qos: 1 })
    assert.deepEqual(toLocal('y/a/b'), { topic: 'a/b', qos: 1 })
    assert.equal(toLocal('x/a/b'), null)
  })

  it('keep the parent level that "#" covers', () => {
    const { toRemote, toLocal } = mappingOf('# both 1 here/ there/')
    assert.deepEqual(toRemote('here'), { topic: 'there', qos: 1 })
    assert.deepEqual(toLocal('there/'), { topic: 'here/', qos: 1 })
    assert.equal(mappingOf('# out 1 here/').toRemote('here'), null)
  })

  it('cannot reach reserved topics of the gateway', () => {
    // an attacker at the other broker tries to write into $SYS here
    const { toLocal, toRemote } = mappingOf('# both 1 "" site/')
    assert.equal(toLocal('site/$SYS/broker'), null)
    assert.equal(toRemote('$SYS/broker'), null)
    assert.deepEqual(mappingOf('# in 1 of/there/ $SYS/').toLocal('$SYS/x'), {
      topic: 'of/there/x',
      qos: 1,
    })
  })

  it('are not forwarded where they would become invalid', () => {
    const long = 'x'.repeat(65_500)
    const { toRemote } = mappingOf(`# out 1 "" ${'y'.repeat(40)}/`)
    assert.equal(toRemote(long), null)
    assert.ok(toRemote(long.slice(40)))
  })

  it('are subscribed to once, with the highest QoS', () => {
    const { incoming, outgoing } = mappingOf('a in 0; a both 2; b in 0 "" ""; # out')
    assert.deepEqual(incoming, [
      { filter: 'a', qos: 1 },
      { filter: 'b', qos: 0 },
    ])
    assert.deepEqual(outgoing, ['a', '#'])
  })

  it('are the same after both ways', () => {
    const level = fc.stringMatching(/^[a-z]{1,3}$/)
    const prefix = fc
      .array(level, { maxLength: 2 })
      .map((levels) => levels.map((one) => `${one}/`).join(''))
    const topic = fc.array(level, { minLength: 1, maxLength: 3 }).map((levels) => levels.join('/'))
    fc.assert(
      fc.property(prefix, prefix, topic, (local, remote, rest) => {
        const text = bridgeTopicsText([
          {
            pattern: '#',
            direction: 'both',
            qos: 1,
            localPrefix: local,
            remotePrefix: remote,
          },
        ])
        const { toRemote, toLocal } = mappingOf(text)
        assert.deepEqual(toRemote(local + rest), { topic: remote + rest, qos: 1 })
        assert.deepEqual(toLocal(remote + rest), { topic: local + rest, qos: 1 })
      }),
    )
  })

  it('are refused with a reason where they are invalid', () => {
    for (const [text, reason] of [
      ['# up 1', /^must have out, in or both after the pattern, not "up"$/],
      ['# out 3', /^has QoS 3, but QoS must be 0, 1 or 2$/],
      ['# out 1 a b c', /^must be PATTERN /],
      ['# out 1 a', /^becomes "a#" here, which may contain "#" only as its whole last level/],
      ['# out 1 a/ b/+/', /^has a wildcard in the prefix "b\/\+\/"$/],
      ['"" out 1', /^becomes "" here, which must not be empty/],
      ['$SYS/# in 1', /^becomes "\$SYS\/#" here, but topics that start with "\$" are reserved/],
      ['x in 1 "" $share/g/', /^must not be a shared subscription/],
    ] as const)
      assert.throws(() => parseBridgeTopics(text), { message: reason }, text)
  })
})
