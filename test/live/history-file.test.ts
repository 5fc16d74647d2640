import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Delivery } from '../../src/broker/broker.ts'
import { createHistory, deliveryOf } from '../../src/live/history.ts'
import { saveHistory, takeHistory } from '../../src/live/history-file.ts'
import { temporaryFolder } from '../cli/program.ts'

const BOUNDS = { messages: 100, bytes: 10_000 }

function delivery(sequence: number, payload: Buffer): Delivery {
  return {
    topic: 'ä/b',
    payload,
    qos: 1,
    retain: false,
    device: 'd',
    time: 1e12,
    properties: null,
    expires: null,
    sequence,
  }
}

async function whole(damage: string): Promise<never> {
  return assert.fail(damage)
}

test('a history goes on in the next process under the ids of the last, once', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'history.ndjson')
  const first = createHistory('e1', BOUNDS)
  for (const sequence of [1, 2, 4]) first.add(delivery(sequence, Buffer.from([0, 255, sequence])))
  await saveHistory(path, first.save())
  const second = createHistory('e2', BOUNDS, await takeHistory(path, whole))
  assert.equal(existsSync(path), false)
  assert.equal(second.position(), 'e1-4')
  // the broker counts from 1 again
  assert.equal(second.add(delivery(1, Buffer.from('new'))).sequence, 5)
  const missed = second
    .after('e1-1')
    ?.map((entry) => [entry.sequence, [...deliveryOf(entry).payload]])
  assert.deepEqual(missed, [
    [2, [0, 255, 2]],
    [4, [0, 255, 4]],
    [5, [...Buffer.from('new')]],
  ])
  assert.equal(await takeHistory(path, whole), null)
})

test('a history keeps what MQTT 5 says of its messages', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'history.ndjson')
  const properties = { contentType: 'a', correlationData: Buffer.from([0, 255]) }
  const sent = { ...delivery(1, Buffer.from('x')), properties, expires: 2e12 }
  const first = createHistory('e1', BOUNDS)
  first.add(sent)
  await saveHistory(path, first.save())
  const second = createHistory('e2', BOUNDS, await takeHistory(path, whole))
  assert.deepEqual(second.after('e1-0')?.map(deliveryOf), [sent])
})

test('what was forgotten before stays so, also under narrower bounds', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'history.ndjson')
  const first = createHistory('e1', { ...BOUNDS, messages: 3 })
  for (let n = 1; n <= 5; n++) first.add(delivery(n, Buffer.from('x')))
  await saveHistory(path, first.save())
  const second = createHistory('e2', { ...BOUNDS, messages: 2 }, await takeHistory(path, whole))
  assert.equal(second.after('e1-2'), null)
  assert.equal(second.after('e1-3')?.length, 2)
})

test('a damaged file is no history, and is said', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'history.ndjson')
  const history = createHistory('e1', BOUNDS)
  for (const n of [1, 2]) history.add(delivery(n, Buffer.from('x')))
  await saveHistory(path, history.save())
  const good = await readFile(path, 'utf8')
  for (const bad of [
    '',
    '{}',
    good.slice(0, -20),
    good.replace('"format":1', '"format":2'),
    good.replace('"epoch":"e1"', '"epoch":"no epoch"'),
    good.replace('"sequence":2', '"sequence":1'),
    good.replace('"latest":2', '"latest":1'),
    good.replace('"qos":1', '"qos":7'),
  ]) {
    assert.notEqual(bad, good)
    await writeFile(path, bad)
    const said: string[] = []
    assert.equal(await takeHistory(path, (problem) => said.push(problem)), null, bad)
    assert.equal(said.length, 1)
  }
})
