// One attacker in a separate process: `attacker.ts NAME`, with a Target in JSON on standard input. It prints when it has started.
import { json } from 'node:stream/consumers'
import { ATTACKS } from './attacks.ts'
import type { Target } from './flood.ts'

const [name = ''] = process.argv.slice(2)
ATTACKS[name]?.start((await json(process.stdin)) as Target)
process.stdout.write('started\n')
