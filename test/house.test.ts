import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import {
  circlesIn,
  fileGraph,
  namesImported,
  readImports,
  roomGraph,
  roomOf,
  SRC,
} from './support/imports.ts'

/** The rooms from the lowest up, each with the rooms that it may import. */
const ROOMS: Record<string, readonly string[]> = {
  'errors.ts': [],
  'chain.ts': [],
  'version.ts': [],
  'folders.ts': [],
  'door-table.ts': [],
  log: [],
  net: [],
  turns: [],
  budget: [],
  topic: [],
  x509: [],
  disk: ['errors.ts'],
  admin: ['errors.ts'],
  config: ['errors.ts', 'door-table.ts', 'topic'],
  metrics: ['version.ts', 'door-table.ts', 'log', 'budget', 'topic', 'disk', 'config'],
  uplink: ['errors.ts', 'chain.ts', 'topic', 'metrics', 'config'],
  door: ['errors.ts', 'chain.ts', 'door-table.ts', 'net', 'metrics', 'config'],
  identity: [
    'errors.ts',
    'door-table.ts',
    'log',
    'net',
    'turns',
    'budget',
    'x509',
    'disk',
    'config',
    'metrics',
  ],
  acl: ['errors.ts', 'log', 'topic', 'disk', 'metrics'],
  broker: [
    'errors.ts',
    'chain.ts',
    'door-table.ts',
    'log',
    'turns',
    'budget',
    'topic',
    'disk',
    'metrics',
    'config',
    'uplink',
    'acl',
  ],
  catalog: ['errors.ts', 'topic', 'disk', 'config', 'metrics'],
  presence: ['topic', 'metrics', 'broker', 'catalog'],
  'home-assistant': ['version.ts', 'broker', 'catalog', 'presence'],
  relay: ['errors.ts', 'budget', 'topic', 'config', 'metrics', 'identity', 'acl', 'broker'],
  bridge: ['errors.ts', 'log', 'topic', 'metrics', 'config', 'uplink', 'broker', 'relay'],
  live: [
    'errors.ts',
    'door-table.ts',
    'chain.ts',
    'turns',
    'budget',
    'topic',
    'metrics',
    'acl',
    'broker',
  ],
  ca: ['errors.ts', 'x509', 'disk'],
  enrol: ['errors.ts', 'log', 'net', 'disk', 'ca'],
  viewer: ['errors.ts', 'disk'],
  visitors: ['log', 'net', 'topic', 'identity', 'acl', 'broker', 'live', 'viewer'],
  'caller.ts': ['door-table.ts', 'identity', 'acl'],
  mqtt: [
    'errors.ts',
    'door-table.ts',
    'log',
    'net',
    'turns',
    'budget',
    'topic',
    'config',
    'metrics',
    'identity',
    'acl',
    'broker',
    'relay',
    'caller.ts',
  ],
  commands: ['errors.ts', 'config', 'metrics', 'acl', 'broker', 'caller.ts'],
  http: [
    'errors.ts',
    'chain.ts',
    'version.ts',
    'folders.ts',
    'door-table.ts',
    'net',
    'turns',
    'budget',
    'topic',
    'config',
    'metrics',
    'identity',
    'acl',
    'broker',
    'catalog',
    'relay',
    'live',
    'ca',
    'enrol',
    'viewer',
    'caller.ts',
    'commands',
  ],
  reference: ['errors.ts', 'door-table.ts', 'topic', 'config', 'broker', 'live', 'http'],
  lambda: [
    'errors.ts',
    'log',
    'turns',
    'budget',
    'metrics',
    'config',
    'identity',
    'acl',
    'broker',
    'relay',
    'commands',
    'http',
  ],
  doors: [
    'errors.ts',
    'door-table.ts',
    'log',
    'net',
    'turns',
    'budget',
    'x509',
    'metrics',
    'config',
    'door',
    'identity',
    'acl',
    'broker',
    'catalog',
    'relay',
    'live',
    'viewer',
    'visitors',
    'mqtt',
    'commands',
    'http',
  ],
  'enroller.ts': ['errors.ts', 'metrics', 'config', 'identity', 'ca', 'enrol', 'http', 'doors'],
  freshness: ['errors.ts', 'metrics', 'config', 'broker', 'catalog', 'presence', 'home-assistant'],
  operators: [
    'errors.ts',
    'disk',
    'admin',
    'config',
    'metrics',
    'identity',
    'acl',
    'broker',
    'live',
    'visitors',
  ],
  'gateway.ts': [
    'turns',
    'metrics',
    'config',
    'identity',
    'acl',
    'broker',
    'catalog',
    'presence',
    'relay',
    'bridge',
    'live',
    'mqtt',
    'commands',
    'http',
    'doors',
    'freshness',
    'operators',
  ],
  cli: [
    'errors.ts',
    'version.ts',
    'log',
    'topic',
    'disk',
    'admin',
    'config',
    'uplink',
    'identity',
    'acl',
    'broker',
    'catalog',
    'ca',
    'enrol',
    'viewer',
    'visitors',
    'enroller.ts',
    'gateway.ts',
  ],
}

/** Packages that only some rooms may import. */
const PACKAGES: Record<string, readonly string[]> = {
  fastify: ['http', 'doors'],
  // only for comparison in tests and benchmarks
  aedes: [],
  'mqtt-packet': [],
  'prom-client': ['metrics'],
  '@peculiar/x509': ['ca'],
  mqtt: ['uplink', 'cli'],
}

/** What other programs start: each a file, and a name or all. */
const ENTRY_POINTS = [
  'cli/main.ts main',
  'cli/only-serve.ts serveMain',
  'cli/compiled.ts loadCompiled',
  'lambda/handler.ts *',
]
/** What writes the documents and configurations that tests compare, and the package. */
const WRITERS = [
  'build/dashboard.ts',
  'test/support/generated.ts',
  'test/support/openapi.ts',
  'test/support/refusals.ts',
  'test/support/routes.ts',
  'test/config/generator.ts',
]

describe('the house', async () => {
  const imports = await readImports()

  it('has imports in one direction only', () => {
    const rooms = Object.keys(ROOMS)
    for (const [room, known] of Object.entries(ROOMS))
      for (const other of known)
        assert.ok(rooms.indexOf(other) < rooms.indexOf(room), `${room} is below ${other}`)
    for (const [room, known] of roomGraph(imports)) {
      assert.ok(ROOMS[room], `${room} has no place in the house`)
      assert.deepEqual([...known].sort(), ROOMS[room].toSorted(), `what ${room} knows`)
    }
  })

  it('has no files that import each other in a circle', () => {
    assert.deepEqual(circlesIn(roomGraph(imports)), [])
    assert.deepEqual(circlesIn(fileGraph(imports)), [])
  })

  it('keeps each library in its room', () => {
    const wrong = imports.filter(({ from, to }) => {
      const rooms = PACKAGES[to]
      return rooms !== undefined && !rooms.includes(roomOf(from))
    })
    assert.deepEqual(wrong, [])
  })

  it('gives each exported name to one thing', async () => {
    const exported = /^export (?:async )?(?:interface|type|class|function|const|let) (\w+)/gm
    const places = new Map<string, Set<string>>()
    for (const file of (await readdir(SRC, { recursive: true })).sort()) {
      // the dashboard is a separate program, in the browser
      if (!file.endsWith('.ts') || roomOf(file) === 'dashboard') continue
      for (const [, name = ''] of (await readFile(join(SRC, file), 'utf8')).matchAll(exported))
        places.set(name, (places.get(name) ?? new Set()).add(file))
    }
    // one of each per part of the API reference
    for (const name of ['OPERATIONS', 'SCHEMAS']) places.delete(name)
    const several = [...places].filter(([, files]) => files.size > 1)
    assert.deepEqual(
      several.map(([name, files]) => [name, ...files]),
      [],
    )
  })

  it('exports no value that only tests use', async () => {
    const exported = /^export (?:async )?(?:class|function\*?|const|let) (\w+)/gm
    const imported = (await namesImported(WRITERS)).union(new Set(ENTRY_POINTS))
    const wrong: string[] = []
    for (const file of await readdir(SRC, { recursive: true })) {
      // the tests of the dashboard cannot run it as a whole: it needs a browser
      if (!file.endsWith('.ts') || roomOf(file) === 'dashboard') continue
      for (const [, name = ''] of (await readFile(join(SRC, file), 'utf8')).matchAll(exported))
        if (!imported.has(`${file} ${name}`) && !imported.has(`${file} *`))
          wrong.push(`${file} ${name}`)
    }
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

  it('has hooks of a whole file only in test files', async () => {
    // one in a module would belong to the first file of the process that imports it
    const wrong: string[] = []
    for (const file of await readdir(import.meta.dirname, { recursive: true }))
      if (
        /(?<!\.test)\.ts$/.test(file) &&
        !file.includes('node_modules') &&
        /^(after|before)(Each)?\(/m.test(await readFile(join(import.meta.dirname, file), 'utf8'))
      )
        wrong.push(file)
    assert.deepEqual(wrong, [])
  })

  it('has no folders or files named utils, helpers, common or misc', async () => {
    const files = await readdir(SRC, { recursive: true })
    assert.deepEqual(
      files.filter((file) => /(^|\/)(utils?|helpers?|common|misc)(\/|\.ts$)/.test(file)),
      [],
    )
  })
})
