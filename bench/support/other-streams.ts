import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import type { Server } from './servers.ts'

const STREAMS_EACH_CONNECTION = 100

/** Opens an event stream of `filter`, and reads all of it. */
export async function openStream(
  session: ClientHttp2Session,
  filter: string,
): Promise<ClientHttp2Stream> {
  const path = `/stream?filter=${encodeURIComponent(filter)}`
  const stream = session.request({ ':path': path })
  const [headers] = await once(stream, 'response')
  if (headers[':status'] !== 200) throw new Error(`a stream was answered ${headers[':status']}`)
  return stream.resume()
}

interface Tls {
  readonly ca: string | Buffer
  readonly certificate: string | Buffer
  readonly key: string | Buffer
}

export function openSession(
  { httpsPort }: Pick<Server, 'httpsPort'>,
  reader: Tls,
): ClientHttp2Session {
  const { ca, certificate: cert, key } = reader
  return connect(`https://localhost:${httpsPort}`, { ca, cert, key })
}

/** Opens HTTP/2 streams `from` to `to` (exclusive), each of a different topic without messages. */
export async function openOtherStreams(
  server: Pick<Server, 'httpsPort'>,
  { reader }: { readonly reader: Tls },
  from: number,
  to: number,
): Promise<ClientHttp2Session[]> {
  const sessions: ClientHttp2Session[] = []
  for (let first = from; first < to; first += STREAMS_EACH_CONNECTION) {
    const session = openSession(server, reader)
    sessions.push(session)
    const here = Math.min(STREAMS_EACH_CONNECTION, to - first)
    await Promise.all(
      Array.from({ length: here }, (_, n) => openStream(session, `other/${first + n}/#`)),
    )
  }
  return sessions
}
