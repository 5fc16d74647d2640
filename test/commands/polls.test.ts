import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Command, Taken } from '../../src/commands/command.ts'
import { createPolls, type Poll } from '../../src/commands/polls.ts'
import { loadConfig } from '../../src/config/load.ts'
import { GatewayError } from '../../src/errors.ts'
import { silentMeter } from '../../src/metrics/meter.ts'

const NONE: Taken = { commands: [], hasMore: false }
const ONE: Taken = { commands: [{} as Command], hasMore: false }

function start({ maxPolls = 2, maxPollsPerDevice = 1 } = {}) {
  const counts = { open: 0, refused: 0 }
  const meter = {
    ...silentMeter,
    pollOpened: () => void counts.open++,
    pollClosed: () => void counts.open--,
    pollRefused: () => void counts.refused++,
  }
  const { commands } = loadConfig({}, { aclFile: 'acl' })
  const polls = createPolls({ ...commands, maxPolls, maxPollsPerDevice }, { meter, warn: () => {} })
  return { polls, counts }
}

/** A poll, and what happens to it. */
function poll(waitMs = 60_000) {
  const leaving = new AbortController()
  const state = { taken: NONE, listeners: 0, changed: () => {} }
  const asked: Poll = {
    waitMs,
    gone: leaving.signal,
    collect: () => state.taken,
    listen(onChange) {
      state.listeners += 1
      state.changed = onChange
      return () => void state.listeners--
    },
  }
  return { asked, state, leave: () => leaving.abort() }
}

describe('a request that waits for commands', () => {
  it('is answered with the first command, and then listens no longer', async () => {
    const { polls, counts } = start()
    const { asked, state } = poll()
    const answer = polls.wait('a', asked)
    assert.deepEqual([state.listeners, counts.open], [1, 1])
    // a change that brings no command
    state.changed()
    state.taken = ONE
    state.changed()
    assert.equal(await answer, ONE)
    assert.deepEqual([state.listeners, counts.open], [0, 0])
  })

  it('is answered with what there is when its time is over', async () => {
    const { polls } = start()
    const { asked, state } = poll(1)
    const answer = polls.wait('a', asked)
    state.taken = ONE
    assert.equal(await answer, ONE)
  })

  it('gets nothing when it is gone, even if it was gone before', async () => {
    const { polls, counts } = start()
    for (const isEarly of [true, false]) {
      const { asked, state, leave } = poll()
      state.taken = ONE
      if (isEarly) leave()
      const answer = polls.wait('a', asked)
      leave()
      assert.deepEqual([await answer, state.listeners, counts.open], [NONE, 0, 0])
    }
  })

  it('is refused beyond the limits, and another one may wait when one has ended', async () => {
    const { polls, counts } = start()
    const tooMany = (name: RegExp) => (error: unknown) =>
      error instanceof GatewayError && error.code === 'too_many_polls' && name.test(error.message)
    const first = poll()
    const answers = [polls.wait('a', first.asked), polls.wait('b', poll().asked)]
    await assert.rejects(polls.wait('a', poll().asked), tooMany(/WOTT_MAX_POLLS_PER_DEVICE/))
    await assert.rejects(polls.wait('c', poll().asked), tooMany(/WOTT_MAX_POLLS\)/))
    assert.deepEqual(counts, { open: 2, refused: 2 })
    first.leave()
    await answers[0]
    answers.push(polls.wait('c', poll().asked))
    polls.endAll()
    await Promise.all(answers)
    assert.equal(counts.open, 0)
  })

  it('is answered at once when the gateway stops, and does not wait after that', async () => {
    const { polls, counts } = start()
    const { asked, state } = poll()
    const answer = polls.wait('a', asked)
    state.taken = ONE
    polls.endAll()
    assert.equal(await answer, ONE)
    assert.deepEqual(await polls.wait('a', asked), NONE)
    assert.deepEqual([state.listeners, counts], [0, { open: 0, refused: 0 }])
  })
})
