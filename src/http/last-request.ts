import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

/** Node's parser of an HTTP/1.1 connection. It is not documented, so another version may have another one. */
interface Parser {
  /** Takes the connection off the list of those whose headers may be late. */
  remove?(): void
  /** Frees the parser, which must not be parsing. */
  close?(): void
}
type ParsedSocket = Socket & { parser?: Parser | null }

/**
 * Frees the parser of an HTTP/1.1 connection once `request` has arrived: the last one, whose answer ends the connection. A parser
 * takes 10 KiB, which is much for a stream that is open for hours. A client that sends more is disconnected (RFC 9112 §9.6).
 */
export function parseNoMore(request: IncomingMessage): void {
  // not at once: the parser itself calls what handles a request
  setImmediate(() => {
    const socket = request.socket as ParsedSocket
    const { parser } = socket
    if (!parser?.remove || !parser.close || !request.complete || socket.destroyed) return
    socket.removeAllListeners('data')
    // with such a listener Node's server reads the socket itself, and no longer passes it to the parser
    socket.on('data', disconnect).resume()
    socket.parser = null
    parser.remove()
    parser.close()
  })
}

function disconnect(this: Socket): void {
  this.destroy()
}
