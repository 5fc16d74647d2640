// Measures node:https, or node:http2, without a framework: node bare-https.ts DIRECTORY [1|2]
// It has the gateway's TLS settings and an answer of the same length.
import { createSecureServer, type ServerHttp2Stream } from 'node:http2'
import { createServer } from 'node:https'
import { ANSWER, ANSWER_HEADERS, gatewayTls, serve } from './bare-server.ts'

const [, version] = process.argv.slice(2)
await serve(version === '2' ? http2Server() : http1Server())

function http1Server() {
  const options = {
    ...gatewayTls(),
    // the same setting as in the gateway; otherwise idle connections are closed between their turns
    keepAliveTimeout: 72_000,
  }
  return createServer(options, (request, response) => {
    request.resume().once('end', () => response.writeHead(200, ANSWER_HEADERS).end(ANSWER))
  })
}

/** Without the objects for requests and responses that Node.js makes for servers of either version. */
function http2Server() {
  return createSecureServer(gatewayTls()).on('stream', (stream: ServerHttp2Stream) => {
    stream.resume().once('end', () => {
      stream.respond({ ':status': 200, ...ANSWER_HEADERS })
      stream.end(ANSWER)
    })
  })
}
