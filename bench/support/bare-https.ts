// Measures node:https without a framework: node bare-https.ts DIRECTORY
// It has the gateway's TLS settings and an answer of the same length.
import { createServer } from 'node:https'
import { ANSWER, ANSWER_HEADERS, gatewayTls, serve } from './bare-server.ts'

const server = createServer(
  {
    ...gatewayTls(),
    // the same setting as in the gateway; otherwise idle connections are closed between their turns
    keepAliveTimeout: 72_000,
  },
  (request, response) => {
    request.resume().once('end', () => response.writeHead(200, ANSWER_HEADERS).end(ANSWER))
  },
)
await serve(server)
