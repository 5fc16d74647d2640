import assert from 'node:assert/strict'
import { it } from 'node:test'
import { scaleDrill } from './scale.ts'

it('a killed gateway and a rolling restart lose no acknowledged reading', async () => {
  const { acknowledged, stream } = await scaleDrill(20)
  assert.ok(acknowledged > 20 * 30)
  // a gateway cannot know what another one has sent to this stream
  assert.ok(stream.gaps > 0)
  assert.ok(stream.events > 0)
})
