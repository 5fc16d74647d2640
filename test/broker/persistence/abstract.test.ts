import { createRequire } from 'node:module'
import { test } from 'node:test'
import { KINDS } from './stores.ts'

const runAbstractTests = createRequire(import.meta.url)('aedes-persistence/abstract.js')

// what aedes asks of any persistence, from the people who make aedes
for (const { name, open } of KINDS)
  runAbstractTests({
    test: (title: string, run: () => Promise<void>) => test(`${name}: ${title}`, run),
    persistence: open,
    testAsync: true,
  })
