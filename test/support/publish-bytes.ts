import type { RawMqtt } from './raw-mqtt.ts'

/**
 * The bytes of user properties, in this order [MQTT 5 §3.3.2.3.7]. mqtt-packet loses the order, and values that are
 * empty where the name repeats.
 */
export function userPropertyBytes(...pairs: (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(
    pairs.flatMap(([name, value]) => [Buffer.from([0x26]), textBytes(name), textBytes(value)]),
  )
}

export interface PublishBytes {
  readonly topic: string
  readonly properties: Buffer
  readonly retain?: boolean
}

/** A PUBLISH of QoS 1 with packet identifier 7. */
export function publishBytes({ topic, properties, retain = false }: PublishBytes): Buffer {
  const body = Buffer.concat([
    ...[textBytes(topic), Buffer.from([0, 7])],
    ...[variableLength(properties.length), properties, Buffer.from('payload')],
  ])
  return Buffer.concat([Buffer.from([retain ? 0x33 : 0x32]), variableLength(body.length), body])
}

/** The property bytes of the next packet, which must be a PUBLISH. */
export async function nextPropertyBytes(client: RawMqtt): Promise<Buffer> {
  const bytes = await client.nextBytes()
  const header = bytes.readUInt8(0)
  if (header >> 4 !== 3) throw new Error(`not a PUBLISH: ${bytes.toString('hex')}`)
  const topic = readVariableLength(bytes, 1).end
  const packetId = topic + 2 + bytes.readUInt16BE(topic)
  const { value, end } = readVariableLength(bytes, packetId + ((header & 0x06) === 0 ? 0 : 2))
  return bytes.subarray(end, end + value)
}

export function textBytes(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes])
}

export function variableLength(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; bytes.length === 0 || rest > 0; rest >>= 7)
    bytes.push((rest & 0x7f) | (rest >= 0x80 ? 0x80 : 0))
  return Buffer.from(bytes)
}

function readVariableLength(bytes: Buffer, start: number): { value: number; end: number } {
  let value = 0
  for (let at = start, shift = 0; ; at++, shift += 7) {
    const byte = bytes.readUInt8(at)
    value += (byte & 0x7f) << shift
    if (byte < 0x80) return { value, end: at + 1 }
  }
}
