import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { it } from 'node:test'
import { TLSSocket } from 'node:tls'
import { logLostRights } from '../../src/visitors/lost-rights.ts'
import { aclOf } from '../support/acl.ts'
import { collectLog } from '../support/log.ts'

/** The one who is connected. */
const present = {
  sessions: { all: () => [].values() },
  hub: { readers: () => [].values() },
  connections: {
    all: () => [
      {
        id: 'a',
        door: 'device' as const,
        since: 0,
        speaksMqtt: false,
        socket: new TLSSocket(new Socket()),
      },
    ],
  },
}

async function lost(before: string, after: string): Promise<unknown> {
  const { log, lines } = collectLog()
  await logLostRights(present, aclOf(before).current, aclOf(after).current, log)
  return lines[0]?.lost ?? []
}

it('rights are lost if no line allows them any more, or one denies them', async () => {
  assert.deepEqual(await lost('user a\ntopic x\n', 'user a\ntopic x\n'), [])
  assert.deepEqual(await lost('user a\ntopic x\n', 'user a\ntopic read x\n'), ['publish x'])
  assert.deepEqual(await lost('user a\ntopic x/y\n', 'user a\ntopic x/#\n'), [])
  assert.deepEqual(await lost('user a\ntopic x/#\n', 'user a\ntopic x/y\n'), [
    'publish x/#',
    'receive x/#',
  ])
  assert.deepEqual(await lost('user a\ntopic read x\n', 'user a\ntopic read x\ntopic deny x\n'), [
    'deny x',
  ])
  assert.deepEqual(await lost('pattern read %u/#\n', 'user a\ntopic read a/#\n'), [])
  assert.deepEqual(await lost('pattern read %u/#\n', ''), ['receive a/#'])
})
