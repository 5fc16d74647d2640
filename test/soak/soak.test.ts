import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runSoak } from './soak.ts'

/** Two of them warm up. */
const ROUNDS = 5
/** Far above what some rounds need: only a leak of the size of what clients send is found here. */
const MOST = { heap: 64 * 1024 ** 2, rss: 256 * 1024 ** 2 }

test('a gateway whose clients have left holds what it held before', async () => {
  const { rounds, grown } = await runSoak({ goesOn: (round) => round < ROUNDS, most: MOST })
  assert.deepEqual(grown, [])
  const held = JSON.stringify(rounds.at(-1)?.counts, null, 2)
  // otherwise nothing was compared
  for (const name of [
    ...['descriptors', 'sessions', 'handles TCPServerWrap', 'listeners of server 1'],
    ...['objects TLSSocket', 'objects ServerHttp2Session'],
  ])
    assert.ok(held.includes(`"${name}"`), held)
  assert.ok(held.includes('wott_memory_held_bytes{'), held)
  assert.ok(held.includes('wott_connections{') && held.includes('wott_streams{'), held)
})
