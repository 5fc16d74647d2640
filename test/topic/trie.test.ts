import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createTopicTrie } from '../../src/topic/trie.ts'
import { covers, filter, topic } from './naive.ts'

function trieOf(paths: Iterable<string>) {
  const trie = createTopicTrie<string>()
  for (const path of paths) trie.set(path, path)
  return trie
}

test('covered finds the topics that the naive matcher finds', () => {
  fc.assert(
    fc.property(fc.uniqueArray(topic), filter, (topics, filter) => {
      const found = [...trieOf(topics).covered([filter])].filter((value) => value !== undefined)
      const matching = topics.filter((topic) => covers(filter, topic))
      assert.deepEqual(found.sort(), matching.sort())
    }),
  )
})

test('covered finds the topics of several filters, each once', () => {
  fc.assert(
    fc.property(fc.uniqueArray(topic), fc.array(filter), (topics, filters) => {
      const found = [...trieOf(topics).covered(filters)].filter((value) => value !== undefined)
      const matching = topics.filter((topic) => filters.some((filter) => covers(filter, topic)))
      assert.deepEqual(found.sort(), matching.sort())
    }),
  )
})

test('covering finds the filters that the naive matcher finds', () => {
  fc.assert(
    fc.property(fc.uniqueArray(filter), topic, (filters, topic) => {
      const matching = filters.filter((filter) => covers(filter, topic))
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
      const rest = [...trie.covered(['#']), ...trie.covered(['$x/#'])].filter((value) => value)
      const named = [...map.keys()].filter(
        (path) => !path.startsWith('$') || /^\$x(\/|$)/.test(path),
      )
      assert.deepEqual(rest.sort(), named.sort())
    }),
  )
})

test('paths that are left after deletions are found as in a new trie', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(filter),
      fc.uniqueArray(topic),
      fc.array(fc.nat()),
      filter,
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

test('a walk finds all paths that stay, whatever is added and deleted meanwhile', () => {
  const change = fc.record({ after: fc.nat(20), path: topic, keep: fc.boolean() })
  fc.assert(
    fc.property(fc.uniqueArray(topic), fc.array(change), filter, (topics, changes, filter) => {
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
        if (covers(filter, topic) && !changed.has(topic))
          assert.equal(found.filter((value) => value === topic).length, 1, topic)
    }),
  )
})

test('a path of many levels is one node', () => {
  const trie = trieOf([`a${'/b'.repeat(99)}`, `a${'/c'.repeat(99)}`])
  // the root, the common beginning, and each of the two
  assert.equal([...trie.covered(['#'])].length, 4)
  trie.delete(`a${'/c'.repeat(99)}`)
  assert.equal([...trie.covered(['#'])].length, 2)
})

test('a deleted path leaves nothing behind', () => {
  const trie = trieOf(['a/b/c'])
  trie.delete('a/b/c')
  // one step, as the root has no children left
  assert.deepEqual([...trie.covered(['#'])], [undefined])
})
