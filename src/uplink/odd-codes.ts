/** Reason codes that PUBACK and PUBREC may have [MQTT 5 §3.4.2.1], and 0x83, which stands for all others. */
const KNOWN: ReadonlySet<number> = new Set([0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99])
const OTHER = 0x83
const [PUBACK, PUBREC] = [4, 5]
/** Where the reason code is, after the packet identifier. */
const CODE_AT = 2

export interface OddCodes {
  /** Reads the broker's bytes before mqtt.js does, and changes them in place. */
  read(chunk: Buffer): void
  /** The reason code that the broker gave for this packet, and forgets it; undefined for a known one. */
  take(packetId: number): number | undefined
}

/** The part of a packet that comes next: its first byte, its length, or its body. */
type PacketPart = 'type' | 'length' | 'body'

/**
 * mqtt.js ends the connection on reason codes that the standard does not name in these packets, and Mosquitto refuses a payload
 * with one of them, 0x95: without this, a device could end the connection of all devices with each message that is too large.
 */
export function createOddCodes(): OddCodes {
  const codes = new Map<number, number>()
  let part: PacketPart = 'type'
  let type = 0
  let length = 0
  let shift = 0
  let passed = 0
  let packetId = 0

  function beginPacket(byte: number): void {
    type = byte >> 4
    length = 0
    shift = 0
    part = 'length'
  }

  function readLengthByte(byte: number): void {
    length += (byte & 0x7f) * 2 ** shift
    shift += 7
    if (byte >= 0x80) return
    passed = 0
    packetId = 0
    part = length === 0 ? 'type' : 'body'
  }

  /** Reads the rest of the packet from `at` on, as far as it has arrived. Returns where the next packet begins. */
  function readBody(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + length - passed)
    if (type === PUBACK || type === PUBREC)
      for (let index = at; index < end && passed + index - at <= CODE_AT; index += 1)
        check(chunk, index, passed + index - at)
    passed += end - at
    if (passed === length) part = 'type'
    return end
  }

  function check(chunk: Buffer, index: number, place: number): void {
    const byte = chunk[index] as number
    if (place < CODE_AT) {
      packetId = packetId * 256 + byte
      return
    }
    if (byte < 0x80 || KNOWN.has(byte)) return
    codes.set(packetId, byte)
    chunk[index] = OTHER
  }

  return {
    read(chunk) {
      for (let at = 0; at < chunk.length; )
        if (part === 'body') at = readBody(chunk, at)
        else {
          const byte = chunk[at] as number
          if (part === 'type') beginPacket(byte)
          else readLengthByte(byte)
          at += 1
        }
    },
    take(id) {
      const code = codes.get(id)
      codes.delete(id)
      return code
    },
  }
}
