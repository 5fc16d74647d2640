import { isUtf8 } from 'node:buffer'
import type { IPublishPacket } from 'mqtt'
import { UsageError } from '../errors.ts'
import { CommandFailure, say } from './command.ts'
import type { Follow } from './follow.ts'
import { connectMqtt } from './mqtt-client.ts'
import { stopped } from './signals.ts'

const RECONNECT_MS = 1000

/** Without the device and the time, which MQTT does not tell. */
function toJson(topic: string, payload: Buffer, { qos, retain }: IPublishPacket): string {
  const body = isUtf8(payload)
    ? { payload: payload.toString('utf8') }
    : { payloadBase64: payload.toString('base64') }
  return JSON.stringify({ topic, ...body, qos, retain })
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
    const [granted] = await connection.subscribeAsync(filter, { qos: 1 })
    if (granted?.qos === 128) throw new CommandFailure(`the gateway refuses the filter "${filter}"`)
    await stopped(stop)
  } catch (error) {
    if (error instanceof CommandFailure || !/^Invalid topic/.test((error as Error).message))
      throw error
    throw new UsageError(`"${filter}" is no filter: "+" and "#" must be whole levels, "#" the last`)
  } finally {
    connection.off('close', onClose)
    if (connection.connected) await connection.endAsync()
    else connection.end(true)
  }
}
