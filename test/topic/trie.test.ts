import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { topicMatches } from '../../src/topic/match.ts'
import { createTopicTrie } from '../../src/topic/trie.ts'

const level = fc.constantFrom('', 'a', 'b', '$s', 'a$')
const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'))
const filter = fc
  .tuple(
    fc.array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength: 4 }),
    fc.constantFrom('', '/#'),
  )
  .map(([levels, end]) => levels.join('/') + end)
const anyFilter = fc.oneof(filter, fc.constant('#'))

function trieOf(paths: Iterable<string>) {
  const trie = createTopicTrie<string>()
  for (const path of paths) trie.set(path, path)
  return trie
}

test('covered finds the topics that topicMatches finds', () => {
  fc.assert(
    fc.property(fc.uniqueArray(topic), anyFilter, (topics, filter) => {
      const found = [...trieOf(topics).covered(filter)].filter((value) => value !== undefined)
      const matching = topics.filter((topic) => topicMatches(filter, topic))
      assert.deepEqual(found.sort(), matching.sort())
    }),
  )
})

test('covering finds the filters that topicMatches finds', () => {
  fc.assert(
    fc.property(fc.uniqueArray(anyFilter), topic, (filters, topic) => {
      const matching = filters.filter((filter) => topicMatches(filter, topic))
      assert.deepEqual(trieOf(filters).covering(topic).sort(), matching.sort())
    }),
  )
})

test('set, get and delete are those of a Map', () => {
  const steps = fc.array(fc.tuple(topic, fc.boolean()))
  fc.assert(
    fc.property(steps, (steps) => {
      const trie = createTopicTrie<string>()
      const map = new Map<string, string>()
      for (const [path, keep] of steps) {
        if (keep) {
          trie.set(path, path)
          map.set(path, path)
        } else {
          trie.delete(path)
          map.delete(path)
        }
        assert.equal(trie.size, map.size)
        assert.equal(trie.get(path), map.get(path))
      }
      const rest = [...trie.covered('#'), ...trie.covered('$s/#')].filter((value) => value)
      const named = [...map.keys()].filter(
        (path) => !path.startsWith('$') || /^\$s(\/|$)/.test(path),
      )
      assert.deepEqual(rest.sort(), named.filter((path) => path !== '').sort())
    }),
  )
})

test('a deleted path leaves nothing behind', () => {
  const trie = trieOf(['a/b/c'])
  trie.delete('a/b/c')
  // one step: the root has no children left
  assert.deepEqual([...trie.covered('#')], [undefined])
})
