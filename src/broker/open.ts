import type { BrokerAddress } from '../config/values.ts'
import type { Broker } from './broker.ts'
import { type EmbeddedOptions, type MqttHost, openEmbedded } from './embedded.ts'

/** Opens the broker that `address` names: the only place that knows which kinds there are. */
export async function openBroker(
  address: BrokerAddress,
  options: EmbeddedOptions,
): Promise<Broker & MqttHost> {
  switch (address.kind) {
    case 'memory':
      return openEmbedded(options)
    case 'file':
      throw new Error('not in this version')
  }
}
