import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { stoppedStoreInfo } from '../../../src/broker/store/sqlite-stopped.ts'
import { UsageError } from '../../../src/errors.ts'
import { asSchema4 } from './old-schemas.ts'
import { openFile, temporaryDirectory } from './stores.ts'

/** Changes one byte of the file where `text` begins. */
function flip(file: string, text: string): void {
  const bytes = readFileSync(file)
  const at = bytes.indexOf(text)
  assert.ok(at > 0, `there is no ${text} in ${file}`)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  writeFileSync(file, bytes)
}

describe('a byte that the disk changed', () => {
  test('is not served: the read leaves the message out, and reports it', async () => {
    const directory = temporaryDirectory()
    const before = await openFile(directory)
    for (const name of ['first', 'second', 'third']) await before.publish('t', `${name} payload`)
    await before.broker.close()
    flip(join(directory, 'broker.sqlite'), 'second payload')

    const damage: number[] = []
    const at = await openFile(directory, { onDamage: (numbers) => damage.push(...numbers) })
    assert.equal(at.store.damage(), null)
    for (const filters of [['t'], ['#']])
      for (const newestFirst of [false, true]) {
        const page = await at.store.log.read({ after: 0, upTo: 1e15, filters, newestFirst })
        const payloads = page.deliveries.map(({ payload }) => String(payload))
        assert.deepEqual(payloads.toSorted(), ['first payload', 'third payload'])
        assert.deepEqual(page.damaged, damage)
      }
    assert.equal(damage.length, 1)
    assert.match(at.store.damage() ?? '', /^1 messages of the log are damaged .* store repair"$/)
    // a stream that resumes before it is told that it is missing, after a restart too
    const gaps = at.store.log.gapsAfter(0)
    assert.deepEqual(gaps, ['damaged'])
    assert.deepEqual(at.store.log.gapsAfter(damage[0] as number), [])
    await at.broker.close()
    assert.equal((await stoppedStoreInfo(directory)).damaged, 1)
    assert.deepEqual((await openFile(directory)).store.log.gapsAfter(0), ['damaged'])
  })

  test('is not served as the latest message of a topic', async () => {
    const directory = temporaryDirectory()
    const before = await openFile(directory)
    for (const topic of ['a', 'b']) await before.publish(topic, `latest of ${topic}`)
    await before.broker.close()
    flip(join(directory, 'broker.sqlite'), 'latest of a')
    const at = await openFile(directory)
    const page = await at.store.log.readTopics({ after: '', filters: ['#'] })
    assert.deepEqual(
      page.deliveries.map(({ topic }) => topic),
      ['b'],
    )
    assert.equal(page.damaged?.length, 1)
  })

  for (const [what, retain] of [
    ['is retained', true],
    ['waits for a session', false],
  ] as const)
    test(`is an error at the start, in a message that ${what}`, async () => {
      const directory = temporaryDirectory()
      const before = await openFile(directory)
      await (await before.connect('a')).subscribe('waits', 1)
      await before.publish(retain ? 'retained' : 'waits', 'a payload', { retain })
      await before.broker.close()
      const file = join(directory, 'broker.sqlite')
      flip(file, 'a payload')
      const damaged = readFileSync(file)
      await assert.rejects(
        openFile(directory),
        (error) =>
          error instanceof UsageError &&
          /is damaged: .*\(numbers \d+\).*repair/.test(error.message),
      )
      assert.deepEqual(readFileSync(file), damaged)
    })

  test('is found only in new messages in a store upgraded from schema 4, which had no checksums', async () => {
    const directory = temporaryDirectory()
    const before = await openFile(directory)
    await before.publish('t', 'an old payload')
    await before.broker.close()
    asSchema4(join(directory, 'broker.sqlite'))
    const upgraded = await openFile(directory)
    await upgraded.publish('t', 'a new payload')
    await upgraded.broker.close()
    for (const text of ['an old payload', 'a new payload'])
      flip(join(directory, 'broker.sqlite'), text)
    const at = await openFile(directory)
    const page = await at.store.log.read({ after: 0, upTo: 1e15, filters: ['t'] })
    assert.equal(page.deliveries.length, 1)
    assert.equal(page.damaged?.length, 1)
  })
})
