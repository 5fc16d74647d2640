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

/** Closes many handles after a look of `KEPT_SMALL_SOON`, and then allocates nothing. It ends at a major collection. */
const LEFT = `
  const { constants, PerformanceObserver } = await import('node:perf_hooks')
  const { setFlagsFromString } = await import('node:v8')
  setFlagsFromString('--no-memory-reducer')
  const channels = Array.from({ length: 2_000 }, () => new MessageChannel())
  setTimeout(() => {
    for (const { port1 } of channels.splice(0)) port1.close()
    new PerformanceObserver((list) => {
      for (const { detail } of list.getEntries())
        if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) process.exit()
    }).observe({ entryTypes: ['gc'] })
    setInterval(() => {}, 60_000)
  }, 3_000)`

/** Makes garbage until V8 has collected some, and then allocates nothing. It ends when V8 shrinks its heap. */
const QUIET = `
  const { constants, PerformanceObserver } = await import('node:perf_hooks')
  const { setImmediate: turn } = await import('node:timers/promises')
  const { setFlagsFromString } = await import('node:v8')
  setFlagsFromString('--memory-reducer-delay-ms=500')
  let held = []
  new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries()) {
      if (detail.kind !== constants.NODE_PERFORMANCE_GC_MAJOR) continue
      if (detail.flags & constants.NODE_PERFORMANCE_GC_FLAGS_ALL_EXTERNAL_MEMORY) process.exit()
      held = null
    }
  }).observe({ entryTypes: ['gc'] })
  setInterval(() => {}, 60_000)
  while (held) {
    held.push(Array.from({ length: 1000 }, (_, i) => ({ i })))
    await turn()
  }`

/** What a program prints. */
async function run(program: string, before = '', flags: string[] = []): Promise<number> {
  const args = [...flags, '--input-type=module', '--eval', before + program]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 })
  return Number(stdout)
}

const KEPT_SMALL = `(await import('${HEAP}')).keepHeapSmall();`
/** It looks at what has left every two seconds. */
const KEPT_SMALL_SOON = `(await import('${HEAP}')).keepHeapSmall(2_000);`

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

  it('loses what clients have left, although nothing is allocated after them', async () => {
    await run(LEFT, KEPT_SMALL_SOON)
  })

  it('shrinks once the gateway is quiet', async () => {
    // V8 would wait for half a minute from the start
    await run(QUIET, KEPT_SMALL_SOON, ['--gc-memory-reducer-start-delay-ms=500'])
  })
})
