import { type Attack, inLanes, post } from '../flood.ts'

const CONNECTIONS = 8
const LINES = 1000

export const badLines: Attack = {
  about: 'posts NDJSON with 1,000 lines that are not JSON on eight connections',
  start(target) {
    const lines = '{"x\n'.repeat(LINES)
    const head = `POST /topics HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\ncontent-length: ${lines.length}\r\n\r\n`
    const request = Buffer.from(head + lines)
    inLanes(CONNECTIONS, () => post(target, request))
  },
}
