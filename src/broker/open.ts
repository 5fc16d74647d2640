import type { BrokerAddress } from '../config/values.ts'
import type { Broker } from './broker.ts'
import { type EmbeddedOptions, type MqttHost, openEmbedded } from './embedded.ts'
import { createSilentJournal } from './persistence/journal.ts'
import { openPersistence } from './persistence/persistence.ts'

/** Opens the broker that `address` names: the only place that knows which kinds there are. */
export async function openBroker(
  address: BrokerAddress,
  options: Omit<EmbeddedOptions, 'persistence'>,
): Promise<Broker & MqttHost> {
  switch (address.kind) {
    case 'memory':
      return openEmbedded({
        ...options,
        persistence: await openPersistence({ journal: createSilentJournal() }),
      })
    case 'file':
      throw new Error('not in this version')
  }
}
