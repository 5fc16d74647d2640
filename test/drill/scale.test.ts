import assert from 'node:assert/strict'
import { it } from 'node:test'
import { scaleDrill } from './scale.ts'

it('a gateway that is killed and a rolling restart lose nothing acknowledged', async () => {
  const { acknowledged, stream } = await scaleDrill(20)
  assert.ok(acknowledged > 20 * 30)
  // it cannot know what another gateway had sent when its own ended
  assert.ok(stream.gaps > 0)
  assert.ok(stream.events > 0)
})
