import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { describe, it } from 'node:test'

const SRC = resolve(import.meta.dirname, '../src')

/** Each room, and the rooms below it that it may know. */
const ROOMS: Record<string, readonly string[]> = {
  'errors.ts': [],
  'version.ts': [],
  'log-limit.ts': [],
  'pace.ts': [],
  'recent.ts': [],
  budget: [],
  'address.ts': [],
  'named.ts': [],
  'turns.ts': [],
  'first-bytes.ts': [],
  topic: [],
  x509: [],
  disk: ['errors.ts'],
  admin: ['errors.ts'],
  metrics: ['budget', 'topic'],
  config: ['errors.ts', 'topic'],
  uplink: ['errors.ts', 'log-limit.ts', 'topic', 'disk', 'metrics', 'config'],
  door: ['errors.ts', 'address.ts', 'first-bytes.ts', 'metrics', 'config'],
  identity: [
    'errors.ts',
    'address.ts',
    'log-limit.ts',
    'pace.ts',
    'recent.ts',
    'disk',
    'metrics',
    'x509',
  ],
  acl: ['errors.ts', 'named.ts', 'log-limit.ts', 'topic', 'disk'],
  broker: [
    'errors.ts',
    'log-limit.ts',
    'pace.ts',
    'budget',
    'topic',
    'disk',
    'metrics',
    'config',
    'identity',
    'acl',
    'uplink',
  ],
  catalog: ['errors.ts', 'topic', 'disk'],
  presence: ['topic', 'metrics', 'broker', 'catalog'],
  'home-assistant': ['version.ts', 'topic', 'broker', 'catalog', 'presence'],
  relay: ['errors.ts', 'topic', 'metrics', 'identity', 'acl', 'broker'],
  bridge: ['errors.ts', 'log-limit.ts', 'topic', 'metrics', 'config', 'uplink', 'broker', 'relay'],
  mqtt: [
    'errors.ts',
    'address.ts',
    'log-limit.ts',
    'pace.ts',
    'turns.ts',
    'budget',
    'topic',
    'metrics',
    'identity',
    'acl',
    'broker',
    'relay',
  ],
  commands: ['errors.ts', 'topic', 'metrics', 'acl', 'broker', 'relay'],
  live: ['errors.ts', 'pace.ts', 'budget', 'topic', 'disk', 'metrics', 'acl', 'broker'],
  ca: ['errors.ts', 'disk', 'x509'],
  enrol: ['errors.ts', 'log-limit.ts', 'address.ts', 'disk', 'ca'],
  viewer: ['errors.ts', 'disk'],
  visitors: ['address.ts', 'named.ts', 'topic', 'identity', 'acl', 'broker', 'live', 'viewer'],
  http: [
    'errors.ts',
    'version.ts',
    'address.ts',
    'first-bytes.ts',
    'pace.ts',
    'budget',
    'turns.ts',
    'topic',
    'metrics',
    'identity',
    'acl',
    'broker',
    'relay',
    'commands',
    'live',
    'ca',
    'enrol',
    'viewer',
    'catalog',
  ],
  reference: ['errors.ts', 'topic', 'broker', 'live', 'http'],
  'log.ts': [],
  'reload-log.ts': ['acl'],
  'guards.ts': [
    'errors.ts',
    'address.ts',
    'named.ts',
    'log-limit.ts',
    'budget',
    'metrics',
    'config',
    'door',
    'identity',
    'relay',
  ],
  'proxy-door.ts': [
    'guards.ts',
    'reload-log.ts',
    'errors.ts',
    'log-limit.ts',
    'metrics',
    'config',
    'door',
    'identity',
    'x509',
  ],
  'freshness.ts': [
    'errors.ts',
    'log-limit.ts',
    'metrics',
    'config',
    'broker',
    'catalog',
    'presence',
    'home-assistant',
  ],
  'gateway.ts': [
    'guards.ts',
    'reload-log.ts',
    'named.ts',
    'proxy-door.ts',
    'freshness.ts',
    'errors.ts',
    'version.ts',
    'log-limit.ts',
    'disk',
    'metrics',
    'config',
    'door',
    'identity',
    'acl',
    'admin',
    'turns.ts',
    'broker',
    'relay',
    'bridge',
    'commands',
    'mqtt',
    'live',
    'ca',
    'viewer',
    'http',
    'catalog',
    'presence',
    'visitors',
  ],
  'enroller.ts': [
    'errors.ts',
    'log-limit.ts',
    'metrics',
    'config',
    'door',
    'guards.ts',
    'identity',
    'reload-log.ts',
    'ca',
    'enrol',
    'http',
  ],
  lambda: [
    'guards.ts',
    'reload-log.ts',
    'errors.ts',
    'recent.ts',
    'log.ts',
    'log-limit.ts',
    'turns.ts',
    'metrics',
    'config',
    'identity',
    'acl',
    'broker',
    'relay',
    'commands',
    'http',
  ],
  cli: [
    'errors.ts',
    'version.ts',
    'log.ts',
    'topic',
    'disk',
    'config',
    'identity',
    'acl',
    'catalog',
    'admin',
    'uplink',
    'broker',
    'ca',
    'enrol',
    'viewer',
    'visitors',
    'gateway.ts',
    'enroller.ts',
  ],
}

/** What only one room may know. */
const PACKAGES: Record<string, readonly string[]> = {
  fastify: ['http', 'gateway.ts'],
  // a yardstick for tests and benches
  aedes: [],
  'mqtt-packet': [],
  'prom-client': ['metrics'],
  '@peculiar/x509': ['ca'],
  mqtt: ['uplink', 'cli'],
}

interface Import {
  readonly from: string
  readonly to: string
}

async function imports(): Promise<Import[]> {
  const files = (await readdir(SRC, { recursive: true })).filter((file) => file.endsWith('.ts'))
  const found: Import[] = []
  for (const file of files) {
    const text = await readFile(join(SRC, file), 'utf8')
    for (const [, to = ''] of text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g))
      found.push({
        from: file,
        to: to.startsWith('.') ? relative(SRC, join(SRC, dirname(file), to)) : to,
      })
  }
  return found
}

function roomOf(file: string): string {
  return file.split(sep)[0] as string
}

describe('the house', () => {
  it('has imports in one direction only', async () => {
    const wrong = (await imports())
      .filter(({ to }) => to.endsWith('.ts'))
      .filter(({ from, to }) => {
        const [room, known] = [roomOf(from), roomOf(to)]
        return room !== known && !ROOMS[room]?.includes(known)
      })
    assert.deepEqual(wrong, [])
  })

  it('keeps each library in its room', async () => {
    const wrong = (await imports()).filter(({ from, to }) => {
      const rooms = PACKAGES[to]
      return rooms !== undefined && !rooms.includes(roomOf(from))
    })
    assert.deepEqual(wrong, [])
  })

  it('spreads objects only to copy them', async () => {
    const wrong: string[] = []
    for (const room of ['src', 'test', 'bench'])
      for (const file of await readdir(join(SRC, '..', room), { recursive: true }))
        if (
          file.endsWith('.ts') &&
          /\.\.\.\(?\{/.test(await readFile(join(SRC, '..', room, file), 'utf8'))
        )
          wrong.push(join(room, file))
    assert.deepEqual(wrong, [])
  })

  it('has no cupboards', async () => {
    const files = await readdir(SRC, { recursive: true })
    assert.deepEqual(
      files.filter((file) => /(^|\/)(utils?|helpers?|common|misc)(\/|\.ts$)/.test(file)),
      [],
    )
  })
})
