import { once } from 'node:events'
import { connect, type SecureContext } from 'node:tls'

/** A kept-alive HTTP/1.1 connection with one request at a time. It reads only status and length of an answer. */
export interface HttpConnection {
  send(request: Buffer, onAnswer: (status: number) => void): void
  close(): void
}

const HEAD_END = Buffer.from('\r\n\r\n')

export async function connectHttp(port: number, context: SecureContext): Promise<HttpConnection> {
  const socket = connect({
    host: 'localhost',
    port,
    secureContext: context,
    ALPNProtocols: ['http/1.1'],
  })
  socket.setNoDelay(true)
  await once(socket, 'secureConnect')
  let waiting: ((status: number) => void) | null = null
  let rest: Buffer | null = null

  socket.on('data', (chunk: Buffer) => {
    const bytes: Buffer = rest ? Buffer.concat([rest, chunk]) : chunk
    const headEnd = bytes.indexOf(HEAD_END)
    const head = headEnd === -1 ? '' : bytes.toString('latin1', 0, headEnd)
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN)
    if (headEnd !== -1 && Number.isNaN(length)) throw new Error(`no content-length in ${head}`)
    if (headEnd === -1 || bytes.length < headEnd + HEAD_END.length + length) {
      rest = bytes
      return
    }
    rest = null
    const answered = waiting
    waiting = null
    answered?.(Number(head.slice(9, 12)))
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    // otherwise the request would wait forever
    if (waiting) throw new Error('the server closed a connection instead of answering')
  })
  return {
    send(request, onAnswer) {
      if (socket.destroyed) throw new Error('the server closed an idle connection')
      waiting = onAnswer
      socket.write(request)
    },
    close: () => void socket.destroy(),
  }
}

export function postRequest(
  path: string,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
): Buffer {
  const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `POST ${path} HTTP/1.1\r\nhost: localhost\r\n${more.join('')}content-length: ${body.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), body])
}
