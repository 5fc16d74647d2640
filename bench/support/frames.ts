const PUBLISH = 3
const PUBACK = 4

/** Callbacks of a client that only counts its packets. */
export interface FrameCounter {
  /** `payload` is the offset of the payload; `id` is the packet identifier, 0 with QoS 0. */
  onPublish(bytes: Buffer, payload: number, end: number, id: number): void
  onPuback(): void
}

/** Reads MQTT packets from chunks without an object per packet, because the load generator must be faster than a broker. */
export function createFrameReader(
  { onPublish, onPuback }: FrameCounter,
  version: 4 | 5 = 4,
): (chunk: Buffer) => void {
  let rest: Buffer | null = null

  return (chunk) => {
    const bytes: Buffer = rest ? Buffer.concat([rest, chunk]) : chunk
    rest = null
    let at = 0
    while (at < bytes.length) {
      let body = at + 1
      let length = 0
      let scale = 1
      let byte = 0x80
      for (; byte & 0x80 && body < bytes.length; body++) {
        byte = bytes[body] as number
        length += (byte & 0x7f) * scale
        scale *= 128
      }
      const end = body + length
      if (byte & 0x80 || end > bytes.length) {
        rest = bytes.subarray(at)
        return
      }
      const first = bytes[at] as number
      const type = first >> 4
      if (type === PUBLISH) {
        const afterTopic = body + 2 + bytes.readUInt16BE(body)
        const acknowledged = (first & 0x06) !== 0
        const id = acknowledged ? bytes.readUInt16BE(afterTopic) : 0
        const afterId = acknowledged ? afterTopic + 2 : afterTopic
        onPublish(bytes, version === 5 ? afterProperties(bytes, afterId) : afterId, end, id)
      } else if (type === PUBACK) onPuback()
      at = end
    }
  }
}

function afterProperties(bytes: Buffer, start: number): number {
  let at = start
  let length = 0
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[at++] as number
    length += (byte & 0x7f) * scale
    if (byte < 0x80) return at + length
  }
}
