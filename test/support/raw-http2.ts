/** HTTP/2 as bytes, for requests that no client library would send. */
export const FRAME = { DATA: 0, HEADERS: 1, RST_STREAM: 3, SETTINGS: 4, PING: 6 }
export const END_STREAM = 1
export const END_HEADERS = 4
const ACK = 1

/** RFC 9113 §4.1. */
export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(9)
  header.writeUIntBE(payload.length, 0, 3)
  header.set([type, flags], 3)
  header.writeUInt32BE(stream, 5)
  return Buffer.concat([header, payload])
}

/** The headers of the frames in `bytes`. */
export function framesIn(bytes: Buffer): { type: number; flags: number; stream: number }[] {
  const frames: ReturnType<typeof framesIn> = []
  for (let at = 0; at < bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    const [type = 0, flags = 0] = bytes.subarray(at + 3)
    frames.push({ type, flags, stream: bytes.readUInt32BE(at + 5) })
  }
  return frames
}

export const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(FRAME.SETTINGS, 0, 0, Buffer.alloc(0)),
])
export const PONG = frame(FRAME.PING, ACK, 0, Buffer.alloc(8))

/** Encodes each header as a literal without indexing (RFC 7541 §6.2.2). */
export function hpack(headers: Record<string, string>): Buffer {
  const parts = Object.entries(headers).map(([name, value]) =>
    Buffer.concat([
      ...[Buffer.from([0, name.length]), Buffer.from(name)],
      ...[Buffer.from([value.length]), Buffer.from(value)],
    ]),
  )
  return Buffer.concat(parts)
}
