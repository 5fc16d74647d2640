import { spawn } from 'node:child_process'
import { on, once } from 'node:events'
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort } from './free-port.ts'

export const NATS = '/usr/sbin/nats-server'

/** A real nats-server on the loopback interface, which speaks MQTT 3.1.1. */
export interface Nats extends AsyncDisposable {
  readonly port: number
}

/** `more` are further lines of its configuration. */
export async function startNats(more: readonly string[] = []): Promise<Nats> {
  await access(NATS).catch(() => {
    throw new Error(`${NATS} is needed for this test: apt-get install nats-server`)
  })
  const directory = await mkdtemp(join(tmpdir(), 'wott-nats-'))
  const port = await freePort()
  const confFile = join(directory, 'nats.conf')
  const lines = [
    'server_name: wott',
    'listen: "127.0.0.1:-1"',
    `jetstream: { store_dir: "${directory}" }`,
    `mqtt: { host: "127.0.0.1", port: ${port} }`,
    ...more,
  ]
  await writeFile(confFile, lines.join('\n'))
  const child = spawn(NATS, ['-c', confFile], { stdio: ['ignore', 'ignore', 'pipe'] })
  const gone = once(child, 'exit')
  const log = createInterface(child.stderr)
  await ready(log)
  return {
    port,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await gone
      await rm(directory, { recursive: true })
    },
  }
}

async function ready(log: ReturnType<typeof createInterface>): Promise<void> {
  for await (const [line] of on(log, 'line', { close: ['close'] }))
    if (line.includes('Server is ready')) return
  throw new Error('nats-server ended before it was ready')
}
