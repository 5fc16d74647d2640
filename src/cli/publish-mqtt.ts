import type { MqttClient } from 'mqtt'
import type { Client } from './client.ts'
import { CommandFailure } from './command.ts'
import { connectMqtt } from './mqtt-client.ts'
import type { Publisher, PublishOptions } from './publisher.ts'

/** Publishes over MQTT, where a message that the ACL denies is acknowledged all the same. */
export function overMqtt(client: Client, stop?: AbortSignal): Publisher {
  const refusal = `${client.host}:${client.port} closed the connection instead of taking the message; is it too large?`
  let connection: MqttClient | null = null
  stop?.addEventListener('abort', () => connection?.end(true), { once: true })

  async function connected(): Promise<MqttClient> {
    if (connection?.connected) return connection
    connection?.end(true)
    connection = await connectMqtt(client, { reconnectMs: 0, stop })
    return connection
  }

  return {
    async publish(topic, payload, options) {
      const mqtt = await connected()
      const lost = Promise.withResolvers<never>()
      const onClose = () => lost.reject(new CommandFailure(refusal))
      mqtt.once('close', onClose)
      try {
        await Promise.race([send(mqtt, topic, payload, options), lost.promise])
      } finally {
        mqtt.off('close', onClose)
      }
    },
    async [Symbol.asyncDispose]() {
      if (connection?.connected) await connection.endAsync()
      else connection?.end(true)
    },
  }
}

async function send(
  mqtt: MqttClient,
  topic: string,
  payload: Buffer,
  { qos, retain }: PublishOptions,
): Promise<void> {
  try {
    await mqtt.publishAsync(topic, payload, { qos, retain })
  } catch (error) {
    throw new CommandFailure(`not published: ${(error as Error).message}`)
  }
}
