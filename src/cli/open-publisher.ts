import type { Client } from './client.ts'
import { overHttps } from './publish-https.ts'
import type { Publisher } from './publisher.ts'

/** Publishes as the client's device, over a connection that is kept; `stop` ends what is under way. */
export async function openPublisher(client: Client, stop?: AbortSignal): Promise<Publisher> {
  if (client.via === 'https') return overHttps(client, stop)
  const { overMqtt } = await import('./publish-mqtt.ts')
  return overMqtt(client, stop)
}
