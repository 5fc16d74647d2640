import { pino } from 'pino'
import { createAccess } from '../../../src/acl/access.ts'
import type { Broker, KeyedLine } from '../../../src/broker/broker.ts'
import { openEmbedded } from '../../../src/broker/embedded.ts'
import type { OpenRequest } from '../../../src/broker/registry.ts'
import type { Origin } from '../../../src/broker/session.ts'
import type { SessionBroker } from '../../../src/broker/session-broker.ts'
import type { Journal } from '../../../src/broker/store/journal.ts'
import { openStore, type Store, type StoreOptions } from '../../../src/broker/store/store.ts'
import type { Message } from '../../../src/topic/message.ts'
import { aclOf } from '../../support/acl.ts'
import { message } from '../../support/message.ts'
import { connectClient, type TestClient } from './clients.ts'

export interface Settings extends Omit<StoreOptions, 'journal' | 'accessOf'> {
  /** The text of an ACL file; by default everything is allowed. */
  readonly rules?: string
}

/** A broker as the gateway opens it, and its store. */
export interface TestBroker {
  readonly broker: Broker & SessionBroker
  readonly store: Store
  /** Connects a client whose session lasts for an hour, unless `terms` say otherwise. */
  connect(client: string, terms?: Partial<OpenRequest>): Promise<TestClient>
  /** Publishes with QoS 1, unless `more` says otherwise. */
  publish(
    topic: string,
    payload: string,
    more?: Partial<Message>,
    origin?: Origin | null,
    keyedLine?: KeyedLine,
  ): Promise<void>
  /** Closes the store alone, which leaves there what a crash would. */
  crash(): Promise<void>
}

export async function openOn(
  journal: Journal,
  { rules = 'pattern readwrite #\npattern readwrite $x/#\n', ...settings }: Settings = {},
): Promise<TestBroker> {
  const acl = aclOf(rules)
  const accessOf = (user: string, clientId: string) => createAccess(acl, { user, clientId })
  // time passes as the clock of the test does
  const steady = settings.now ?? Date.now
  const store = await openStore({ steady, ...settings, journal, accessOf })
  const broker = openEmbedded({ store, log: pino({ level: 'silent' }) })
  return {
    broker,
    store,
    connect: (client, terms) => connectClient(broker.sessions, client, terms),
    async publish(topic, payload, more = {}, origin = null, keyedLine) {
      await broker.publish(message(topic, payload, { qos: 1, ...more }), origin, keyedLine)
    },
    crash: () => store.close(),
  }
}
