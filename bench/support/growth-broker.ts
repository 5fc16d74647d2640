import { pino } from 'pino'
import { createAccess } from '../../src/acl/access.ts'
import { openEmbedded } from '../../src/broker/embedded.ts'
import { DEFAULT_RETENTION } from '../../src/broker/store/defaults.ts'
import type { Limits } from '../../src/broker/store/limits.ts'
import type { Retention } from '../../src/broker/store/retention.ts'
import type { Fsync } from '../../src/broker/store/sqlite-file.ts'
import { openSqliteJournal } from '../../src/broker/store/sqlite-journal.ts'
import { openStore } from '../../src/broker/store/store.ts'
import type { Message } from '../../src/topic/message.ts'
import { aclOf } from '../../test/support/acl.ts'
import { deviceOf, QUEUED, topicOf } from './growth-store.ts'

export interface OpenOptions {
  readonly fsync?: Fsync
  readonly retention?: Retention
  readonly limits?: Partial<Limits>
}

/** The broker of a gateway on the store in `directory`, in this process. */
export async function openBroker(
  directory: string,
  {
    fsync = 'always',
    retention = DEFAULT_RETENTION,
    limits = { messagesPerSession: QUEUED * 2, bytesPerSession: 1e9 },
  }: OpenOptions = {},
) {
  const acl = aclOf('pattern readwrite #\n')
  const journal = await openSqliteJournal(directory, { fsync, retention })
  const accessOf = (user: string, clientId: string) => createAccess(acl, { user, clientId })
  const store = await openStore({ journal, limits, accessOf })
  return { store, broker: openEmbedded({ store, log: pino({ level: 'silent' }) }) }
}

export function messageOf(n: number, bytes: number): Message {
  return {
    topic: topicOf(n),
    payload: Buffer.alloc(bytes, 'x'),
    qos: 1,
    retain: false,
    device: deviceOf(n),
    time: Date.now(),
    received: Date.now(),
    properties: null,
    expires: null,
  }
}
