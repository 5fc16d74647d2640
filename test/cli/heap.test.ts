import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'

const HEAP = new URL('../../src/cli/heap.ts', import.meta.url).href

/** A program that keeps replacing its objects, and prints the most bytes of old space it had. */
const CHURN = `
  const { getHeapSpaceStatistics } = await import('node:v8')
  const make = () => Array.from({ length: 1000 }, (_, i) => ({ i, text: \`text \${i}\` }))
  const held = Array.from({ length: 1500 }, make)
  let most = 0
  for (let count = 0; count < 6_000; count++) {
    held[count % held.length] = make()
    if (count % 100 > 0) continue
    const old = getHeapSpaceStatistics().find((space) => space.space_name === 'old_space')
    most = Math.max(most, old.space_used_size)
  }
  console.log(most)`

async function mostBytes(before = ''): Promise<number> {
  const args = ['--input-type=module', '--eval', before + CHURN]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return Number(stdout)
}

describe('the heap of a gateway', () => {
  it('has less garbage than V8 allows by default', async () => {
    const usual = await mostBytes()
    const small = await mostBytes(`(await import('${HEAP}')).keepHeapSmall()`)
    assert.ok(small < usual * 0.7, `${small} bytes, and ${usual} without`)
  })
})
