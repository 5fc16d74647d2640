// Measures the cost of a large log: node bench/growth.ts [--help]
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measureAbsent } from './support/growth-absent.ts'
import { measureOpening } from './support/growth-opening.ts'
import { measureReading } from './support/growth-reading.ts'
import { fillStore } from './support/growth-store.ts'
import { measureTrimming } from './support/growth-trimming.ts'
import { print } from './support/rounds.ts'

const PARTS = ['opening', 'trimming', 'absent', 'reading']
const HELP = `Usage: node bench/growth.ts [ENTRIES] [BYTES] [OPTIONS]

Measures the cost of a store with ENTRIES messages [100000] of BYTES bytes [1000]. A million messages of 1,000 bytes are 1 GiB and
take ten minutes.

  opening   time and memory of a gateway at its start
  trimming  how long QoS 1 messages wait, at 1,000 per second, while half of the store is deleted or a backup is made
  absent    the cost of a message that is queued for 1,000 offline sessions, and of one without subscribers
  reading   how long the event loop of a gateway is blocked, and how long publishers wait, while a stream resumes over
            100,000 messages and history is read; readers and publishers are in another process

  --only NAMES   parts, comma separated [all]
  --rounds N     rounds of each measurement [5]
  --short        two rounds, and 20,000 messages by default`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', default: PARTS.join() },
    rounds: { type: 'string' },
    short: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

function sizeOf(directory: string): string {
  const files = readdirSync(directory).map((name) => statSync(join(directory, name)).size)
  return `${(files.reduce((sum, size) => sum + size, 0) / 2 ** 20).toFixed(0)} MiB`
}

async function run(work: string): Promise<void> {
  const entries = Number(positionals[0] ?? (values.short ? 20_000 : 100_000))
  const bytes = Number(positionals[1] ?? 1_000)
  const rounds = Number(values.rounds ?? (values.short ? 2 : 5))
  const only = values.only.split(',')
  if (only.includes('absent')) {
    print('storing QoS 1 messages for offline sessions')
    await measureAbsent(work, rounds)
  }
  const directory = mkdtempSync(join(work, 'store-'))
  fillStore(directory, entries, bytes)
  print(`a store of ${entries} messages of ${bytes} bytes, ${sizeOf(directory)}`)
  if (only.includes('opening')) measureOpening(directory)
  if (only.includes('reading')) {
    print('reading it, with 1,000 QoS 1 messages per second at the same time')
    await measureReading(directory, entries, rounds)
  }
  // trimming comes last, because it deletes messages
  if (!only.includes('trimming')) return
  print('storing 1,000 QoS 1 messages per second, with fsync always')
  await measureTrimming(directory, entries, bytes, values.short ? 3 : 8)
}

if (values.help) print(HELP)
else {
  const work = mkdtempSync(join(tmpdir(), 'wott-growth-'))
  try {
    await run(work)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
