import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { Delivery } from '../../../src/broker/delivery.ts'
import { openSqliteJournal } from '../../../src/broker/store/sqlite-journal.ts'
import type { TakenOver } from '../../../src/broker/store/sqlite-upgrade.ts'
import { createEventIds } from '../../../src/live/event-ids.ts'
import { createForgetfulBroker } from '../../drill/forgetful-broker.ts'
import {
  ALL_SURVIVES,
  cutPower,
  type Files,
  isSame,
  NOTHING_SURVIVES,
  readFiles,
  writeFiles,
} from '../../drill/forgetful-disk.ts'
import { leaveOldStore, type OldStore, RELEASES } from './old-gateway.ts'
import { openFile, temporaryDirectory } from './stores.ts'
import { openOn, type TestBroker } from './test-broker.ts'

const AWAY = 'away.d.wott.local/away.d.wott.local/1'
/** The topics in the queue of `AWAY`. */
const WAITING = [
  'waits/a',
  'waits/kept',
  'waits/b',
  'waits/c',
  'waits/c',
  'waits/kept-too',
  'waits/d',
]
const RETAINED = ['kept/a', 'kept/b', 'kept/c', 'waits/kept', 'waits/kept-too']
/** Topics of messages in the store that the history no longer holds. */
const ONLY_STORED = ['waits/a', 'waits/kept', 'waits/b', 'kept/a', 'kept/b']

const saying = ({ topic, payload }: { topic: string; payload: unknown }) => `${topic} ${payload}`

async function readAfter({ store }: TestBroker, number: number): Promise<readonly Delivery[]> {
  const { deliveries } = await store.log.read({
    after: number,
    upTo: store.log.start(),
    filters: ['#'],
  })
  return deliveries
}

function numberOf({ store: { log } }: TestBroker, id: string): number {
  const number = createEventIds(log.epoch(), log.oldNumbers()).numberOf(id)
  assert.ok(number !== null, `${id} is not known`)
  return number
}

/** Checks that everything the old gateway had is there once, and that its event ids are known. */
async function check(
  at: TestBroker,
  { events, first }: OldStore,
  wasKilled = false,
): Promise<void> {
  const { log } = at.store
  const all = await readAfter(at, 0)
  const expected = [...ONLY_STORED, ...events.slice(first).map(({ topic }) => topic)]
  assert.deepEqual(all.map(({ topic }) => topic).toSorted(), expected.toSorted())
  for (let index = first; index <= events.length; index++) {
    const known = numberOf(at, events[index - 1]?.id ?? '')
    assert.ok(known >= log.oldest())
    const gaps = log.gapsAfter(known).filter((gap) => !wasKilled || gap !== 'restart')
    assert.deepEqual(gaps, [])
    assert.deepEqual((await readAfter(at, known)).map(saying), events.slice(index).map(saying))
  }
  assert.ok(numberOf(at, events[first - 2]?.id ?? '') < log.oldest())
  const queue = at.store.sessions.find(AWAY)?.queue.admitted() ?? []
  assert.deepEqual(
    queue.map(({ message }) => message?.topic),
    WAITING,
  )
  const retained = await at.broker.retained('#')
  assert.deepEqual(retained.map(({ topic }) => topic).toSorted(), RETAINED)
  assert.ok(retained.every(({ retain }) => retain))
}

describe('the history file of an older gateway', () => {
  for (const release of RELEASES)
    it(`is taken over into the log, with its event ids: ${release}`, async () => {
      const directory = temporaryDirectory()
      const old = leaveOldStore(release, directory)
      for (let start = 0; start < 2; start++) {
        const at = await openFile(directory)
        await check(at, old)
        assert.ok(!existsSync(join(directory, 'history.ndjson')))
        await at.broker.close()
      }
      const at = await openFile(directory)
      await at.publish('new', '1')
      const { id = '' } = old.events.at(-1) ?? {}
      const known = numberOf(at, id)
      const page = await at.store.log.read({ after: known, upTo: known + 2 ** 40, filters: ['#'] })
      assert.deepEqual(page.deliveries.map(saying), ['new 1'])
    })

  it('is reported where it was damaged or incomplete, and streams are told of the gap', async () => {
    const directory = temporaryDirectory()
    const { events, first } = leaveOldStore('schema-3', directory)
    const file = join(directory, 'history.ndjson')
    const [head = '', ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n')
    lines[4] = (lines[4] ?? '').replace('"topic":"', '"topic":"#')
    lines[5] = '{"topic"'
    writeFileSync(file, [head, ...lines.slice(0, -1)].join('\n'))
    const { at, takenOver } = await openTelling(directory)
    assert.deepEqual(takenOver, [
      { file, messages: lines.length - 3, damaged: 2, damagedLines: [6, 7], missing: 1 },
    ])
    const { log } = at.store
    const known = numberOf(at, events[first]?.id ?? '')
    assert.deepEqual(log.gapsAfter(known), ['expired'])
    assert.deepEqual(
      (await readAfter(at, known)).map(saying),
      events
        .slice(first + 1, -1)
        .filter((_, index) => index !== 3 && index !== 4)
        .map(saying),
    )
    assert.deepEqual(log.gapsAfter(numberOf(at, events.at(-1)?.id ?? '')), [])
    await at.broker.close()
    assert.ok(existsSync(`${file}.damaged`))
    assert.ok(!existsSync(file))
  })

  it('is taken over without its event ids where its first line is missing', async () => {
    const directory = temporaryDirectory()
    const { events, first } = leaveOldStore('schema-3', directory)
    const file = join(directory, 'history.ndjson')
    const [, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n')
    writeFileSync(file, ['', ...lines].join('\n'))
    const { at, takenOver } = await openTelling(directory)
    assert.deepEqual(takenOver[0]?.damagedLines, [1])
    assert.equal(at.store.log.oldNumbers(), null)
    const kept = await readAfter(at, at.store.log.oldest())
    assert.deepEqual(kept.map(saying), events.slice(first).map(saying))
    await at.broker.close()
  })

  it('is taken over without loss or doubles wherever kill -9 or a power cut ends the start', async (t) => {
    const work = realpathSync(mkdtempSync(join(tmpdir(), 'wott-upgrade-')))
    t.after(() => rmSync(work, { recursive: true, force: true }))
    const broker = createForgetfulBroker(work, 'never')
    const store = join(broker.disk, 'store')
    const old = leaveOldStore('schema-3', store)
    const before = readFiles(broker.disk)
    const changes = await broker.open(before)
    assert.ok(changes.some(({ what, name }) => what === 'unlink' && name.endsWith('.ndjson')))
    let opened = 0
    for (const survives of [ALL_SURVIVES, NOTHING_SURVIVES]) {
      let last: Files | undefined
      for (let count = 0; count <= changes.length; count++) {
        const left = cutPower(before, changes.slice(0, count), survives)
        if (last && isSame(left, last)) continue
        last = left
        writeFiles(broker.disk, left)
        const at = await openFile(store)
        await check(at, old, true)
        await at.broker.close()
        assert.ok(!existsSync(join(store, 'history.ndjson')))
        opened += 1
      }
    }
    t.diagnostic(`${changes.length} changes, ${opened} stores opened`)
  })
})

async function openTelling(directory: string) {
  const takenOver: TakenOver[] = []
  const onTakenOver = (told: TakenOver) => void takenOver.push(told)
  const at = await openOn(await openSqliteJournal(directory, { fsync: 'never', onTakenOver }))
  return { at, takenOver }
}
