import type { IDisconnectPacket, MqttClient } from 'mqtt'
import { messageOf } from '../errors.ts'
import { withTime } from '../topic/time.ts'
import { toPacketProperties } from '../uplink/properties.ts'
import { reasonText } from '../uplink/reason.ts'
import type { DeviceClient } from './client.ts'
import { CommandFailure } from './command.ts'
import { connectMqtt } from './mqtt-client.ts'
import type { DevicePublisher, DevicePublishOptions } from './publisher.ts'

/** Publishes over MQTT 5, where a QoS 0 message that the ACL denies is lost without an error. */
export function overMqtt(client: DeviceClient, stop?: AbortSignal): DevicePublisher {
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
      let why = 'instead of accepting the message; is it too large?'
      const onDisconnect = (packet: IDisconnectPacket) => {
        why = `(${reasonText(packet)})`
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

function send(
  mqtt: MqttClient,
  topic: string,
  payload: Buffer,
  { qos, retain, properties: given, messageExpiry, time = null }: DevicePublishOptions,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timed = time === null ? given : withTime(given, time)
  const properties = toPacketProperties({ properties: timed, messageExpiry })
  // publishAsync does not return the PUBACK of a refusal
  mqtt.publish(topic, payload, { qos, retain, properties }, (error, packet) => {
    if (!error) return resolve()
    const why = packet?.cmd === 'puback' ? reasonText(packet) : messageOf(error)
    reject(new CommandFailure(`not published: ${why}`))
  })
  return promise
}
