import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { isOutOfDescriptors, type WatchOptions, watchFile } from '../../src/disk/watched-file.ts'

/** A disk whose state the test sets, and a load that fails on demand. */
function disk(context: TestContext, more: Partial<WatchOptions> = {}) {
  let [state, broken] = ['first', false]
  const loads: string[] = []
  let heard = () => {}
  const watched = watchFile({
    loaded: 'first',
    intervalMs: null,
    longestPauseMs: 20,
    state: async () => state,
    async load(asked) {
      loads.push(`${state}${asked ? ' asked' : ''}${broken ? ' failed' : ''}`)
      heard()
      if (broken) throw new Error('it cannot be read')
    },
    ...more,
  })
  context.after(() => watched.close())
  return {
    watched,
    loads,
    put(next: string, isBroken = false) {
      state = next
      broken = isBroken
    },
    async loaded(count: number) {
      while (loads.length < count) {
        const { promise, resolve } = Promise.withResolvers<void>()
        heard = resolve
        await promise
      }
    },
  }
}

describe('a watched file', () => {
  it('is loaded only when it has changed', async (context) => {
    const { watched, loads, put } = disk(context)
    await watched.reloadIfChanged()
    assert.deepEqual(loads, [])
    put('second')
    await watched.reloadIfChanged()
    await watched.reloadIfChanged()
    assert.deepEqual(loads, ['second'])
  })

  it('is loaded on request, once for all requests before it begins', async (context) => {
    const { watched, loads } = disk(context)
    await Promise.all([watched.reloadIfChanged(), watched.reload(), watched.reload()])
    assert.deepEqual(loads, ['first asked'])
  })

  it('is tried again after a failure without another change, and reports the failure', async (context) => {
    const failures: unknown[] = []
    const onFailure = (error: unknown) => failures.push(error)
    const { watched, loads, put, loaded } = disk(context, { intervalMs: 5, onFailure })
    put('second', true)
    await loaded(3)
    assert.equal(watched.failure(), 'it cannot be read')
    put('second')
    await loaded(loads.length + 1)
    await watched.reloadIfChanged()
    assert.equal(watched.failure(), null)
    assert.ok(failures.length >= 3)
    assert.deepEqual(new Set(loads), new Set(['second failed', 'second']))
    assert.equal(loads.filter((load) => load === 'second').length, 1)
  })

  it('is tried again at once when it changes, and on request', async (context) => {
    const { watched, loads, put } = disk(context, { longestPauseMs: 3_600_000 })
    put('second', true)
    await watched.reloadIfChanged()
    await watched.reloadIfChanged()
    assert.deepEqual(loads, ['second failed'])
    put('third', true)
    await watched.reloadIfChanged()
    await watched.reload()
    put('first')
    await watched.reloadIfChanged()
    assert.deepEqual(loads.slice(1), ['third failed', 'third asked failed', 'first'])
    assert.equal(watched.failure(), null)
  })

  it('is loaded again when it changes during a load', async (context) => {
    const { watched, put, loads } = disk(context, {
      async load() {
        loads.push('load')
        put('third')
      },
    })
    put('second')
    await watched.reloadIfChanged()
    await watched.reloadIfChanged()
    await watched.reloadIfChanged()
    assert.equal(loads.length, 2)
  })

  it('is no longer loaded once it is closed', async (context) => {
    const { watched, put, loads } = disk(context)
    put('second')
    watched.close()
    await watched.reload()
    assert.deepEqual(loads, [])
  })
})

describe('an error', () => {
  it('is recognised as a lack of file descriptors, however deep its cause', () => {
    const cause = Object.assign(new Error('x'), { code: 'EMFILE' })
    assert.equal(isOutOfDescriptors(new Error('y', { cause: new Error('z', { cause }) })), true)
    assert.equal(isOutOfDescriptors(new Error('y')), false)
    assert.equal(isOutOfDescriptors(undefined), false)
  })
})
