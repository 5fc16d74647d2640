// One attacker, a process of its own: `attacker.ts NAME`, with a Target in JSON on standard input. It says when it has begun.
import { json } from 'node:stream/consumers'
import { ATTACKS } from './attacks.ts'
import type { Target } from './flood.ts'

const [name = ''] = process.argv.slice(2)
ATTACKS[name]?.start((await json(process.stdin)) as Target)
process.stdout.write('started\n')
