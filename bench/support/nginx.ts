import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { freePort } from '../../test/support/free-port.ts'
import { isListening } from '../../test/support/listening.ts'
import { end, SERVER_CORE, spawnOn } from './child.ts'
import type { Ground } from './ground.ts'
import type { Server } from './servers.ts'

const CONNECTIONS = 40_000

/** nginx with nchan and the gateway's TLS settings: POST /topics/NAME publishes, GET /stream/NAME is an event stream, POST /ok has a fixed answer. */
export async function startNginx(ground: Ground): Promise<Server> {
  const { directory, server, crlFile } = ground
  const port = await freePort()
  const folder = join(directory, 'nginx')
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'nginx.conf')
  await writeFile(file, configuration({ port, folder, server, crlFile }))
  // a single process, so that CPU and memory can be measured
  const child = spawnOn('/usr/sbin/nginx', ['-c', file, '-p', folder, '-e', 'stderr'], {
    core: SERVER_CORE,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  while (!(await isListening(port))) {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}`)
    await setTimeout(20)
  }
  return {
    name: 'nginx',
    pid: child.pid as number,
    port: 0,
    httpsPort: port,
    viewerPort: 0,
    opsPort: 0,
    ask: () => Promise.reject(new Error('nginx has no probe')),
    // nchan 1.3.6 crashes in its clean-up after SIGTERM
    [Symbol.asyncDispose]: () => end(child, 'SIGKILL'),
  }
}

interface Site extends Pick<Ground, 'server' | 'crlFile'> {
  readonly port: number
  readonly folder: string
}

function configuration({ port, folder, server, crlFile }: Site): string {
  return `load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
user root;
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr crit;
worker_rlimit_nofile ${CONNECTIONS * 2};
events { worker_connections ${CONNECTIONS}; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  nchan_shared_memory_size 512M;
  keepalive_requests 100000000;
  server {
    listen 127.0.0.1:${port} ssl http2 backlog=4096;
    ssl_certificate ${server.certFile};
    ssl_certificate_key ${server.keyFile};
    ssl_client_certificate ${server.caFile};
    ssl_crl ${crlFile};
    ssl_verify_client on;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_tickets on;
    location = /ok { return 200 '{"message":"OK"}'; }
    location ~ ^/topics/(.+)$ {
      nchan_publisher http;
      nchan_channel_id $1;
      nchan_message_buffer_length 100;
    }
    location ~ ^/stream/(.+)$ {
      nchan_subscriber eventsource;
      nchan_channel_id $1;
      nchan_subscriber_first_message newest;
    }
  }
}
`
}
