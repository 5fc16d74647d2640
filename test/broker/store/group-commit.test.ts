import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Change } from '../../../src/broker/store/changes.ts'
import { createGroupCommit } from '../../../src/broker/store/group-commit.ts'
import { createManualDisk } from './manual-disk.ts'

const one: Change = ['unretain', 'one']
const two: Change = ['unretain', 'two']
const three: Change = ['unretain', 'three']
const full = new Error('database or disk is full')
const unavailable = { code: 'broker_unavailable' }

test('changes that come during a commit go into the next one', async () => {
  const { disk, next, isAsked } = createManualDisk()
  const journal = createGroupCommit(disk)
  const first = [journal.append([one]), journal.append([two])]
  const commit = await next()
  assert.deepEqual(commit.changes, [one, two])
  const second = [journal.append([three]), journal.append([one])]
  assert.equal(isAsked(), false)
  commit.done()
  await Promise.all(first)
  const another = await next()
  assert.deepEqual(another.changes, [three, one])
  another.done()
  await Promise.all(second)
})

test('a commit that waits for the many of the one before is done without them', async () => {
  const { disk, next } = createManualDisk()
  const journal = createGroupCommit(disk)
  const many = Array.from({ length: 20 }, () => journal.append([one]))
  const commit = await next()
  const late = journal.append([two])
  commit.done()
  await Promise.all(many)
  const last = await next()
  assert.deepEqual(last.changes, [two])
  last.done()
  await late
})

test('appending nothing waits for the changes before it', async () => {
  const { disk, next } = createManualDisk()
  const journal = createGroupCommit(disk)
  await journal.append([])
  journal.later('a', one)
  let stored = false
  const waited = journal.append([]).then(() => {
    stored = true
  })
  const commit = await next()
  assert.deepEqual(commit.changes, [one])
  assert.equal(stored, false)
  commit.done()
  await waited
})

test('later changes are committed unasked, the last of a key in the place of its first', async () => {
  const { disk, next } = createManualDisk()
  const journal = createGroupCommit(disk)
  journal.later('a', one)
  journal.later('b', two)
  journal.later('a', three)
  assert.deepEqual((await next()).changes, [three, two])
})

test('a failed commit rejects appended changes and keeps later ones', async () => {
  const { disk, next } = createManualDisk()
  const journal = createGroupCommit(disk)
  journal.later('a', one)
  journal.later('b', two)
  const lost = journal.append([three])
  const failing = await next()
  journal.later('a', three)
  failing.fail(full)
  await assert.rejects(lost, { ...unavailable, retryAfter: 1 })
  assert.equal(journal.outage(), full.message)
  const stored = journal.append([one])
  const commit = await next()
  // 'a' was replaced meanwhile and keeps its place
  assert.deepEqual(commit.changes, [three, two, one])
  commit.done()
  await stored
  assert.equal(journal.outage(), null)
})

test('after a failure a probe finds out when the disk works again', async () => {
  const { disk, next } = createManualDisk()
  const journal = createGroupCommit(disk)
  const lost = journal.append([one])
  ;(await next()).fail(full)
  await assert.rejects(lost, unavailable)
  const probe = await next()
  assert.equal(probe.changes[0]?.[0], 'probe')
  probe.done()
  await journal.close()
  assert.equal(journal.outage(), null)
})

test('closing stores what waits, and refuses later changes', async () => {
  const { disk, next, isClosed } = createManualDisk()
  const journal = createGroupCommit(disk)
  const before = journal.append([one])
  journal.later('a', two)
  const closed = journal.close()
  assert.equal(journal.close(), closed)
  await assert.rejects(journal.append([three]), unavailable)
  const commit = await next()
  assert.deepEqual(commit.changes, [one, two])
  commit.done()
  await Promise.all([before, closed])
  assert.equal(isClosed(), true)
})

test('closing a disk that fails rejects what waits, and ends', async () => {
  const { disk, next, isClosed } = createManualDisk()
  const journal = createGroupCommit(disk)
  const lost = journal.append([one])
  const closed = journal.close()
  ;(await next()).fail(full)
  await assert.rejects(lost, unavailable)
  await closed
  assert.equal(isClosed(), true)
})

test('many changes go into several commits, in the order of the calls', async () => {
  const { disk, next } = createManualDisk()
  const journal = createGroupCommit(disk)
  const many = Array.from({ length: 3_000 }, () => one)
  const first = [journal.append(many), journal.append(many)]
  journal.later('a', two)
  const last = journal.append([three])
  const commit = await next()
  assert.equal(commit.changes.length, 6_000)
  commit.done()
  await Promise.all(first)
  const another = await next()
  assert.deepEqual(another.changes, [two, three])
  another.done()
  await last
})

test('many changes that are kept after a failure go into a commit of their own', async () => {
  const { disk, next } = createManualDisk()
  const journal = createGroupCommit(disk)
  journal.later('a', ...Array.from({ length: 5_000 }, () => one))
  ;(await next()).fail(full)
  while (journal.outage() === null) await setImmediate()
  const waits = journal.append([two])
  const again = await next()
  assert.equal(again.changes.length, 5_000)
  again.done()
  const last = await next()
  assert.deepEqual(last.changes, [two])
  last.done()
  await waits
})
