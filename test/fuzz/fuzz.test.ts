import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { findRandomTests, runWith } from './fuzz.ts'

describe('a random test that fails', () => {
  let folder: string
  let file: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wott-fuzz-'))
    file = join(folder, 'failing.test.ts')
    await writeFile(
      file,
      `import { test } from 'node:test'
import fc from '${import.meta.resolve('fast-check')}'
test('fails', () => fc.assert(fc.property(fc.nat(1e6), (number) => number < 100)))
`,
    )
  })
  after(() => rm(folder, { recursive: true }))

  it('prints its seed, and fails again in the same way with FUZZ_SEED', async () => {
    const counterexample = async (seed: number) => {
      const { passed, said } = await runWith(seed, [file])
      assert.equal(passed, false)
      assert.match(said, new RegExp(`seed: ${seed}\\b`))
      return /Counterexample: \[\d+\]\s+Shrunk \d+ time/.exec(said)?.[0]
    }
    const first = await counterexample(4711)
    assert.ok(first)
    assert.equal(await counterexample(4711), first)
  })

  it('is one of the tests that the command runs', () => {
    const files = findRandomTests().map((path) => path.replace(/.*\/test\//, ''))
    for (const name of ['mqtt/fuzz', 'mqtt/aedes', 'acl/differential', 'topic/trie'])
      assert.ok(files.includes(`${name}.test.ts`), name)
  })
})
