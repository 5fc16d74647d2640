import { isUtf8 } from 'node:buffer'
import { ErrorWithSubackPacket, type IDisconnectPacket, type IPublishPacket } from 'mqtt'
import { messageOf, UsageError } from '../errors.ts'
import { toJsonProperties } from '../topic/properties.ts'
import { fromPacketProperties } from '../uplink/properties.ts'
import { reasonText } from '../uplink/reason.ts'
import { CommandFailure, say } from './command.ts'
import type { Follow } from './follow.ts'
import { connectMqtt } from './mqtt-client.ts'
import { stopped } from './signals.ts'

const RECONNECT_MS = 1000
const SERVER_SHUTTING_DOWN = 0x8b

/** Without the device and the time, which MQTT does not tell. */
function toJson(topic: string, payload: Buffer, packet: IPublishPacket): string {
  const { qos, retain } = packet
  const properties = fromPacketProperties(packet.properties)
  const body = isUtf8(payload)
    ? { payload: payload.toString('utf8') }
    : { payloadBase64: payload.toString('base64') }
  return JSON.stringify({
    topic,
    ...body,
    qos,
    retain,
    ...(properties === null ? {} : { properties: toJsonProperties(properties) }),
  })
}

export const followMqtt: Follow = async (client, filter, arrived, stop) => {
  const refused = Promise.withResolvers<never>()
  // it may be rejected while nobody waits for it
  refused.promise.catch(() => {})
  const connection = await connectMqtt(client, {
    reconnectMs: RECONNECT_MS,
    onRefused: refused.reject,
    stop,
  })
  const at = `${client.host}:${client.port}`
  let lost = false
  let why = `lost the connection to ${at}`
  const onDisconnect = (packet: IDisconnectPacket) => {
    why =
      packet.reasonCode === SERVER_SHUTTING_DOWN
        ? `the gateway at ${at} is stopping`
        : `${at} closed the connection (${reasonText(packet)})`
  }
  const onClose = () => {
    if (!lost) say(`${why}; reconnecting`)
    lost = true
  }
  connection.on('message', (topic, payload, packet) =>
    arrived({ topic, payload, toJson: () => toJson(topic, payload, packet) }),
  )
  connection.on('disconnect', onDisconnect)
  connection.on('close', onClose)
  connection.on('connect', () => {
    if (lost) say(`reconnected to ${at}`)
    lost = false
    why = `lost the connection to ${at}`
  })
  try {
    // mqtt.js subscribes again by itself after each reconnection
    await connection.subscribeAsync(filter, { qos: 1 })
    await Promise.race([stopped(stop), refused.promise])
  } catch (error) {
    // the error has no packet if the connection was closed instead
    if (error instanceof ErrorWithSubackPacket && error.packet) {
      const { granted, properties } = error.packet
      const reason = reasonText({ reasonCode: Number(granted[0]), properties })
      throw new CommandFailure(`the gateway refuses the filter "${filter}": ${reason}`)
    }
    if (!messageOf(error).startsWith('Invalid topic')) throw error
    throw new UsageError(
      `"${filter}" is not a valid filter: "+" and "#" must be whole levels, and "#" must be the last one`,
    )
  } finally {
    connection.off('close', onClose)
    if (connection.connected) await connection.endAsync()
    else connection.end(true)
  }
}
