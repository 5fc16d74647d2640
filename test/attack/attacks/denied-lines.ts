import { type Attack, inLanes, post } from '../flood.ts'

const CONNECTIONS = 8
const LINES = 1000

export const deniedLines: Attack = {
  about: 'posts NDJSON with 1,000 denied lines on eight connections',
  start(target) {
    const lines = Array.from({ length: LINES }, (_, index) =>
      JSON.stringify({ topic: `denied/${index}`, payload: 'x' }),
    ).join('\n')
    const head = `POST /topics HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\ncontent-length: ${lines.length}\r\n\r\n`
    const request = Buffer.from(head + lines)
    inLanes(CONNECTIONS, () => post(target, request))
  },
}
