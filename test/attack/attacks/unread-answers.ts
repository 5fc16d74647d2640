import { type Attack, copies, inLanes, open, pour } from '../flood.ts'

const CONNECTIONS = 12

export const unreadAnswers: Attack = {
  about: 'requests a large answer again and again on twelve connections, and reads none',
  start(target) {
    const request = Buffer.from('GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n')
    const bytes = copies(request, 200)
    inLanes(CONNECTIONS, async () => {
      const socket = await open(target, { protocol: 'http/1.1' })
      socket.pause()
      await pour(socket, () => bytes)
    })
  },
}
