import assert from 'node:assert/strict'
import { join } from 'node:path'
import { it } from 'node:test'
import { run } from '../support/clients.ts'
import { ALL_SURVIVES, type Change, cutPower, NOTHING_SURVIVES } from './forgetful-disk.ts'
import { powerCutDrill } from './power-cut.ts'

const mostChanges = [150, 1_500]

it('a power cut loses nothing acknowledged if every commit is flushed', async () => {
  const { failures } = await powerCutDrill(3, 'always', { mostChanges })
  assert.deepEqual(failures, [])
})

it('a power cut leaves an intact store if commits are flushed every second', async () => {
  const { failures } = await powerCutDrill(2, 'interval', { mostChanges })
  // the last commits may be lost, but only whole ones, and a number always belongs to the same message
  const worse = /given|another message now|never published|twice|missed|damaged|integrity|ended/
  assert.deepEqual(
    failures.filter((why) => worse.test(why)),
    [],
  )
})

it('a power cut loses acknowledged messages if nothing is flushed', async () => {
  for (let round = 0; round < 10; round++) {
    const { failures } = await powerCutDrill(1, 'never', { mostChanges })
    if (failures.length > 0) return
  }
  assert.fail('the simulated disk lost nothing')
})

it('a power cut never makes the store use a number twice, even if nothing else is flushed', async () => {
  const { failures } = await powerCutDrill(4, 'never', { mostChanges, promised: 'numbers' })
  assert.deepEqual(failures, [])
})

it('the simulated disk keeps flushed data, and some sectors of the rest', () => {
  const change = (what: Change['what'], name: string, offset = 0, text = ''): Change => {
    return { what, name, offset, data: Buffer.from(text) }
  }
  const trace = [
    change('create', 'old'),
    change('write', 'old', 0, 'a'.repeat(1024)),
    change('flush', 'old'),
    change('flush', '.'),
    change('write', 'old', 256, 'b'.repeat(512)),
    change('truncate', 'old', 700),
    change('create', 'new'),
    change('write', 'new', 0, 'c'),
    change('flush', 'new'),
  ]
  const textOf = (survives: () => boolean) => {
    const files = cutPower(new Map(), trace, survives)
    return Object.fromEntries([...files].map(([name, bytes]) => [name, `${bytes}`]))
  }
  const a = (count: number) => 'a'.repeat(count)
  const b = (count: number) => 'b'.repeat(count)
  assert.deepEqual(textOf(NOTHING_SURVIVES), { old: a(1024) })
  assert.deepEqual(textOf(ALL_SURVIVES), { old: `${a(256)}${b(444)}`, new: 'c' })
  // the new name, the first sector of the write but not its second, and not the truncation
  const some = [true, true, false, false].values()
  const torn = textOf(() => some.next().value ?? assert.fail())
  assert.deepEqual(torn, { old: `${a(256)}${b(256)}${a(512)}`, new: 'c' })
})

it('the command for power cuts refuses arguments that it does not know', async () => {
  const program = join(import.meta.dirname, 'power-cut.ts')
  for (const args of [['ten'], ['1', 'sometimes'], ['1', 'always', 'some'], ['0']])
    assert.equal((await run(process.execPath, [program, ...args])).code, 2, args.join(' '))
})
