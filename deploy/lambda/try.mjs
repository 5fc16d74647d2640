// Calls the function on this machine as a REST API of API Gateway does for one POST:
//   node try.mjs CERTIFICATE TOPIC PAYLOAD
import { readFile } from 'node:fs/promises'

const [certificate, topic, body] = process.argv.slice(2)
const clientCertPem = await readFile(certificate, 'utf8')
const path = `/topics/${topic}`
const { handler } = await import('./index.mjs')
const answer = await handler({
  httpMethod: 'POST',
  path,
  headers: { Host: 'iot.example.com' },
  queryStringParameters: { qos: '1' },
  requestContext: { stage: 'prod', path, identity: { clientCert: { clientCertPem } } },
  body,
  isBase64Encoded: false,
})
process.stdout.write(`${answer.statusCode} ${answer.body}\n`)
// needed because the connection to the broker keeps Node running
process.exit(answer.statusCode === 200 ? 0 : 1)
