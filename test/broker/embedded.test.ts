import { pino } from 'pino'
import { openEmbedded } from '../../src/broker/embedded.ts'
import { createSilentJournal } from '../../src/broker/persistence/journal.ts'
import { openPersistence } from '../../src/broker/persistence/persistence.ts'
import { silentMeter } from '../../src/metrics/meter.ts'
import { aclOf } from '../support/acl.ts'
import { brokerContract } from './contract.ts'

brokerContract('embedded, in memory', async () => {
  const broker = await openEmbedded({
    persistence: await openPersistence({ journal: createSilentJournal() }),
    maxSubscriptions: 100,
    maxInflight: 100,
    subscribe: 'grant',
    connectTimeout: 10,
    packetTimeout: 30,
    acl: aclOf(''),
    meter: silentMeter,
    log: pino({ level: 'silent' }),
    maxPayload: 1024,
    clientBuffer: 65_536,
  })
  return { broker, remove: () => broker.close() }
})
