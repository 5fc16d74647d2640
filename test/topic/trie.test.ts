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
      const found = [...trieOf(topics).covered([filter])].filter((value) => value !== undefined)
      const matching = topics.filter((topic) => topicMatches(filter, topic))
      assert.deepEqual(found.sort(), matching.sort())
    }),
  )
})

test('covered finds the topics of several filters, each once', () => {
  fc.assert(
    fc.property(fc.uniqueArray(topic), fc.array(anyFilter), (topics, filters) => {
      const found = [...trieOf(topics).covered(filters)].filter((value) => value !== undefined)
      const matching = topics.filter((topic) =>
        filters.some((filter) => topicMatches(filter, topic)),
      )
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
      const rest = [...trie.covered(['#']), ...trie.covered(['$s/#'])].filter((value) => value)
      const named = [...map.keys()].filter(
        (path) => !path.startsWith('$') || /^\$s(\/|$)/.test(path),
      )
      assert.deepEqual(rest.sort(), named.filter((path) => path !== '').sort())
    }),
  )
})

test('what is left after deletions is found as if nothing else had been there', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(anyFilter),
      fc.uniqueArray(topic),
      fc.array(fc.nat()),
      anyFilter,
      topic,
      (filters, topics, deleted, filter, topic) => {
        for (const paths of [filters, topics]) {
          const trie = trieOf(paths)
          const gone = new Set(deleted.map((index) => paths[index % paths.length]))
          for (const path of gone) if (path !== undefined) trie.delete(path)
          const rest = trieOf(paths.filter((path) => !gone.has(path)))
          assert.deepEqual(trie.covering(topic).sort(), rest.covering(topic).sort())
          assert.deepEqual([...trie.covered([filter])].sort(), [...rest.covered([filter])].sort())
        }
      },
    ),
  )
})

test('a walk finds what stays, whatever comes and goes meanwhile', () => {
  const change = fc.record({ after: fc.nat(20), path: topic, keep: fc.boolean() })
  fc.assert(
    fc.property(fc.uniqueArray(topic), fc.array(change), anyFilter, (topics, changes, filter) => {
      const trie = trieOf(topics)
      const found: (string | undefined)[] = []
      for (const value of trie.covered([filter])) {
        for (const { after, path, keep } of changes) {
          if (after !== found.length) continue
          if (keep) trie.set(path, path)
          else trie.delete(path)
        }
        found.push(value)
      }
      const changed = new Set(changes.map(({ path }) => path))
      for (const topic of topics)
        if (topicMatches(filter, topic) && !changed.has(topic))
          assert.equal(found.filter((value) => value === topic).length, 1, topic)
    }),
  )
})

test('a path of many levels is one node', () => {
  const trie = trieOf([`a${'/b'.repeat(99)}`, `a${'/c'.repeat(99)}`])
  // the root, what both begin with, and each of the two
  assert.equal([...trie.covered(['#'])].length, 4)
  trie.delete(`a${'/c'.repeat(99)}`)
  assert.equal([...trie.covered(['#'])].length, 2)
})

test('a deleted path leaves nothing behind', () => {
  const trie = trieOf(['a/b/c'])
  trie.delete('a/b/c')
  // one step: the root has no children left
  assert.deepEqual([...trie.covered(['#'])], [undefined])
})
