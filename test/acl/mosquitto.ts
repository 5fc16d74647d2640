import { spawn } from 'node:child_process'
import { on, once } from 'node:events'
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

export const MOSQUITTO = '/usr/sbin/mosquitto'

/** A real broker on the loopback interface whose ACL file can be changed. */
export interface Mosquitto {
  readonly port: number
  /** Reloads with another ACL file. If that is a bad one, the broker allows everything from then on. */
  use(file: string): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** `more` are lines of its configuration. */
export async function startMosquitto(
  file: string,
  more: readonly string[] = [],
): Promise<Mosquitto> {
  await access(MOSQUITTO).catch(() => {
    throw new Error(`${MOSQUITTO} is needed for this test: apt-get install mosquitto`)
  })
  const directory = await mkdtemp(join(tmpdir(), 'wott-mosquitto-'))
  const aclFile = join(directory, 'acl')
  const port = await freePort()
  await writeFile(aclFile, file)
  await writeFile(
    join(directory, 'mosquitto.conf'),
    [
      `listener ${port} 127.0.0.1`,
      'allow_anonymous true',
      `acl_file ${aclFile}`,
      // otherwise it becomes another user, who cannot read the directory
      'user root',
      'log_dest stderr',
      'log_type information',
      'log_type notice',
      'sys_interval 0',
      'set_tcp_nodelay true',
      ...more,
    ].join('\n'),
  )
  const broker = spawn(MOSQUITTO, ['-c', join(directory, 'mosquitto.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const log = createInterface(broker.stderr)
  const gone = once(broker, 'exit')
  const says = async (text: string) => {
    for await (const [line] of on(log, 'line', { close: ['close'] }))
      if (line.includes(text)) return
    throw new Error(`mosquitto ended before it said "${text}"`)
  }
  await says('running')

  return {
    port,
    async use(changed) {
      await writeFile(aclFile, changed)
      const reloading = says('Reloading config')
      broker.kill('SIGHUP')
      // otherwise it may sleep on for 100 ms
      const knock = connect(port, '127.0.0.1').on('connect', () => knock.destroy())
      // it reads the file before it reads anything more from a socket
      await reloading
    },
    async [Symbol.asyncDispose]() {
      broker.kill('SIGTERM')
      await gone
      await rm(directory, { recursive: true })
    },
  }
}

/** A port of the loopback interface that nobody has. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await promisify(server.close.bind(server))()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
