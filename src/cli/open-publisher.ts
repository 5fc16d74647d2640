import type { DeviceClient } from './client.ts'
import { overHttps } from './publish-https.ts'
import type { DevicePublisher } from './publisher.ts'

/** Publishes as the client's device, over a connection that is kept; `stop` aborts pending messages. */
export async function openPublisher(
  client: DeviceClient,
  stop?: AbortSignal,
): Promise<DevicePublisher> {
  if (client.via === 'https') return overHttps(client, stop)
  const { overMqtt } = await import('./publish-mqtt.ts')
  return overMqtt(client, stop)
}
