import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'

const HEAP = new URL('../../src/cli/heap.ts', import.meta.url).href

/** A program that keeps replacing its objects, and prints the most bytes of old space it had. */
const CHURN = `
  const { getHeapSpaceStatistics } = await import('node:v8')
  const { setImmediate: turn } = await import('node:timers/promises')
  const make = () => Array.from({ length: 1000 }, (_, i) => ({ i, text: \`text \${i}\` }))
  const held = []
  let most = 0
  for (let count = 0; count < 6_000; count++) {
    held[count % 1500] = make()
    if (count % 100 > 0) continue
    await turn()
    const old = getHeapSpaceStatistics().find((space) => space.space_name === 'old_space')
    most = Math.max(most, old.space_used_size)
  }
  console.log(most)`

/** A program with a small heap that keeps making Buffers, and prints how often V8 collected all garbage. */
const BUFFERS = `
  const { constants, PerformanceObserver } = await import('node:perf_hooks')
  const { setImmediate: turn } = await import('node:timers/promises')
  const held = Array.from({ length: 300_000 }, (_, i) => ({ i }))
  let majors = 0
  new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries())
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) majors += 1
  }).observe({ entryTypes: ['gc'] })
  for (let count = 0; count < 200_000; count++) {
    held[0] = [Buffer.allocUnsafeSlow(1_000), new Array(100).fill(count)]
    if (count % 1000 === 0) await turn()
  }
  await turn()
  console.log(majors)`

/**
 * A program whose first objects all survive, and then no others from the same place in the code. It prints by how many bytes the
 * old space grew meanwhile.
 */
const SURVIVORS = `
  const { getHeapSpaceStatistics, setFlagsFromString } = await import('node:v8')
  const { runInNewContext } = await import('node:vm')
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  const oldBytes = () =>
    getHeapSpaceStatistics().find((space) => space.space_name === 'old_space').space_used_size
  const make = (i) => ({ i, list: [i] })
  const held = []
  for (let count = 0; count < 200_000; count++) held.push(make(count))
  collect()
  const before = oldBytes()
  for (let count = 0; count < 100_000; count++) held[0] = make(count)
  console.log(oldBytes() - before)`

/** What a program prints. */
async function run(program: string, before = ''): Promise<number> {
  const args = ['--input-type=module', '--eval', before + program]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return Number(stdout)
}

const KEPT_SMALL = `(await import('${HEAP}')).keepHeapSmall();`

describe('the heap of a gateway', () => {
  it('has less garbage than V8 allows by default', async () => {
    const [usual, small] = await Promise.all([run(CHURN), run(CHURN, KEPT_SMALL)])
    assert.ok(small < usual * 0.7, `${small} bytes, and ${usual} without`)
  })

  it('is seldom collected for the sake of short-lived Buffers while it is small', async () => {
    const majors = await run(BUFFERS, KEPT_SMALL)
    assert.ok(majors <= 3, `${majors} times`)
  })

  it('has short-lived objects only in its young part, although others like them lived long', async () => {
    const grown = await run(SURVIVORS, KEPT_SMALL)
    assert.ok(grown < 100_000, `${grown} bytes`)
  })
})
