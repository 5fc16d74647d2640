import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { it } from 'node:test'
import { startAny, temporaryFolder } from '../cli/program.ts'
import { http1 } from '../support/clients.ts'
import { freePort } from '../support/free-port.ts'
import { startGateway } from '../support/gateway.ts'
import { untilListening } from '../support/listening.ts'

it('events arrive at once through nginx with its default buffering', async () => {
  await using folder = await temporaryFolder()
  await using at = await startGateway({ acl: 'pattern readwrite #\n' })
  const nginx = await at.pki.issue('nginx')
  const sensor = await at.pki.issue('sensor')
  const port = await freePort()
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder.path}/${name};`)
    .join('\n')
  await writeFile(
    join(folder.path, 'nginx.conf'),
    `daemon off;
pid ${folder.path}/nginx.pid;
events {}
http {
  access_log off;
  ${temporary}
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass https://127.0.0.1:${at.ports.device};
      proxy_http_version 1.1;
      proxy_ssl_name localhost;
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate ${nginx.caFile};
      proxy_ssl_certificate ${nginx.certFile};
      proxy_ssl_certificate_key ${nginx.keyFile};
    }
  }
}
`,
  )
  await using server = startAny('nginx', ['-c', join(folder.path, 'nginx.conf'), '-e', 'stderr'])
  await untilListening(port, server)
  const sent = request({
    host: '127.0.0.1',
    port,
    path: '/stream?filter=a',
    agent: false,
    headers: { accept: 'text/event-stream' },
  }).end()
  const [response] = await once(sent, 'response')
  assert.equal(response.statusCode, 200, server.lines.join('\n'))
  const chunks = response.setEncoding('utf8')[Symbol.asyncIterator]()
  for (const value of ['1', '2', '3']) {
    await http1(at, sensor, { path: '/topics/a', method: 'POST', body: value })
    // nothing more is published before this arrives, so nginx cannot be waiting for more
    let text = ''
    while (!text.includes(`"payload":"${value}"`)) text += (await chunks.next()).value
  }
  response.destroy()
})
