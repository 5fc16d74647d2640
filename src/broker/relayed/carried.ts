import type { Message, MessageProperties } from '../../topic/message.ts'
import { timedProperties, timeIn } from '../../topic/time.ts'
import type { UplinkMessage } from '../../uplink/message.ts'

/** The MQTT 5 user property that names the device of a message; null for none. */
export type IdProperty = string | null

/**
 * A message as the other broker gets it, with the WoTT ID of its device. The client's own properties of that name are removed, so
 * that no device can impersonate another.
 */
export function toUplinkMessage(message: Message, name: IdProperty, now: number): UplinkMessage {
  const { topic, payload, qos, retain, device, expires } = message
  const properties = timedProperties(message)
  return {
    topic,
    payload,
    qos,
    retain,
    sender: device,
    dup: false,
    properties: name === null ? properties : withId(properties, name, device),
    messageExpiry: expires === null ? null : Math.max(1, Math.ceil((expires - now) / 1000)),
  }
}

/** A message from the other broker as it is delivered here: its device is taken from the property, which is removed. */
export function fromUplinkMessage(came: UplinkMessage, name: IdProperty, now: number): Message {
  const { topic, payload, qos, retain, messageExpiry } = came
  const id = came.properties?.userProperties?.findLast(([known]) => known === name)
  const received = Date.now()
  return {
    topic,
    payload,
    qos,
    retain,
    device: id?.[1] ?? null,
    time: timeIn(came.properties) ?? received,
    received,
    properties: name === null ? came.properties : withId(came.properties, name, null),
    expires: messageExpiry === null ? null : now + messageExpiry * 1000,
  }
}

/** The properties with this one user property of that name, or without any. */
function withId(
  properties: MessageProperties | null,
  name: string,
  device: string | null,
): MessageProperties | null {
  const { userProperties = [], ...rest } = properties ?? {}
  const others = userProperties.filter(([known]) => known !== name)
  if (device !== null) others.push([name, device])
  if (others.length > 0) return { ...rest, userProperties: others }
  return Object.keys(rest).length > 0 ? rest : null
}
