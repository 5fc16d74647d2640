import { isUtf8 } from 'node:buffer'
import type { IPublishPacket } from 'mqtt'
import { messageOf, UsageError } from '../errors.ts'
import { toJsonProperties } from '../topic/properties.ts'
import { CommandFailure, say } from './command.ts'
import type { Follow } from './follow.ts'
import { connectMqtt } from './mqtt-client.ts'
import { fromPacketProperties } from './mqtt-properties.ts'
import { stopped } from './signals.ts'

const RECONNECT_MS = 1000

/** Without the device and the time, which MQTT does not tell. */
function toJson(topic: string, payload: Buffer, packet: IPublishPacket): string {
  const { qos, retain } = packet
  const properties = fromPacketProperties(packet.properties)
  const body = isUtf8(payload)
    ? { payload: payload.toString('utf8') }
    : { payloadBase64: payload.toString('base64') }
  return JSON.stringify({
    ...{ topic, ...body, qos, retain },
    ...(properties === null ? {} : { properties: toJsonProperties(properties) }),
  })
}

export const followMqtt: Follow = async (client, filter, arrived, stop) => {
  const connection = await connectMqtt(client, { reconnectMs: RECONNECT_MS, stop })
  const at = `${client.host}:${client.port}`
  let lost = false
  const onClose = () => {
    if (!lost) say(`the connection to ${at} is lost; trying again`)
    lost = true
  }
  connection.on('message', (topic, payload, packet) =>
    arrived({ topic, payload, toJson: () => toJson(topic, payload, packet) }),
  )
  connection.on('close', onClose)
  connection.on('connect', () => {
    if (lost) say(`connected to ${at} again`)
    lost = false
  })
  try {
    // mqtt.js subscribes again by itself after each reconnection
    await connection.subscribeAsync(filter, { qos: 1 })
    await stopped(stop)
  } catch (error) {
    const message = messageOf(error)
    if (message.startsWith('Subscribe error'))
      throw new CommandFailure(`the gateway refuses the filter "${filter}": ${message}`)
    if (!message.startsWith('Invalid topic')) throw error
    throw new UsageError(`"${filter}" is no filter: "+" and "#" must be whole levels, "#" the last`)
  } finally {
    connection.off('close', onClose)
    if (connection.connected) await connection.endAsync()
    else connection.end(true)
  }
}
