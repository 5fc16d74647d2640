import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runSoak } from './soak.ts'

/** The number of rounds; the first warms up. */
const ROUNDS = 4
/** Far above the need of a few rounds: this test only finds leaks as large as the data that clients send. */
const MOST = { heap: 64 * 1024 ** 2, rss: 256 * 1024 ** 2 }

test('a gateway uses no more resources after its clients have left', async () => {
  const { rounds, grown } = await runSoak({ goesOn: (round) => round < ROUNDS, most: MOST })
  assert.deepEqual(grown, [])
  const held = JSON.stringify(rounds.at(-1)?.counts, null, 2)
  // makes sure that these were compared
  for (const name of [
    ...['descriptors', 'sessions', 'handles TCPServerWrap', 'listeners of server 1'],
    ...['objects Socket', 'objects ServerHttp2Session'],
  ])
    assert.ok(held.includes(`"${name}"`), held)
  assert.ok(held.includes('wott_memory_held_bytes{'), held)
  assert.ok(held.includes('wott_connections{') && held.includes('wott_streams{'), held)
})
