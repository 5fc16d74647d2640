import type { Broker } from '../broker/broker.ts'
import type { Delivery } from '../broker/delivery.ts'
import { GATEWAY_NAME } from './own-messages.ts'

/** Has `note` told of everything that devices publish; nothing has to be asked for. */
export async function followReadings(
  broker: Pick<Broker, 'follow'>,
  note: (delivery: Delivery) => void,
): Promise<void> {
  await broker.follow((delivery) => {
    if (!delivery.topic.startsWith('$') && delivery.device !== GATEWAY_NAME) note(delivery)
  })
}
