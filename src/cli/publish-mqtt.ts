import { type IDisconnectPacket, type MqttClient, ReasonCodes } from 'mqtt'
import { messageOf } from '../errors.ts'
import type { Client } from './client.ts'
import { CommandFailure } from './command.ts'
import { connectMqtt } from './mqtt-client.ts'
import { toPacketProperties } from './mqtt-properties.ts'
import type { Publisher, PublishOptions } from './publisher.ts'

/** Publishes over MQTT 5, where nothing tells that the ACL denies a message with QoS 0. */
export function overMqtt(client: Client, stop?: AbortSignal): Publisher {
  const closed = `${client.host}:${client.port} closed the connection`
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
      let why = 'instead of taking the message; is it too large?'
      const onDisconnect = ({ reasonCode = 0 }: IDisconnectPacket) => {
        why = `(${reasonOf(reasonCode)})`
      }
      const onClose = () => lost.reject(new CommandFailure(`${closed} ${why}`))
      mqtt.once('disconnect', onDisconnect)
      mqtt.once('close', onClose)
      try {
        await Promise.race([send(mqtt, topic, payload, options), lost.promise])
      } finally {
        mqtt.off('disconnect', onDisconnect)
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
  { qos, retain, ...said }: PublishOptions,
): Promise<void> {
  try {
    await mqtt.publishAsync(topic, payload, { qos, retain, properties: toPacketProperties(said) })
  } catch (error) {
    throw new CommandFailure(`not published: ${messageOf(error)}`)
  }
}

function reasonOf(code: number): string {
  return (ReasonCodes as Readonly<Record<number, string>>)[code] || `reason code ${code}`
}
