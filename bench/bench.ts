// All benchmarks, one after the other: npm run bench -- [NAMES] [--help]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { arch, cpus, release, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { versionsOf } from './support/versions.ts'

interface Part {
  readonly title: string
  readonly file: string
  readonly args: readonly string[]
  /** For a first impression in a minute. */
  readonly short: readonly string[]
}

const PARTS: Readonly<Record<string, Part>> = {
  http: {
    title: 'POST over kept-alive connections, beside a bare Fastify',
    file: 'http.ts',
    args: ['--rounds', '7', '--seconds', '1'],
    short: ['--rounds', '2', '--seconds', '0.4', '--only', 'h1-q0-1,h1-q0-64'],
  },
  proxied: {
    title: 'POST whose certificate a proxy passes on, beside one of the device itself',
    file: 'proxied.ts',
    args: ['--rounds', '7', '--seconds', '1'],
    short: ['--rounds', '2', '--seconds', '0.4'],
  },
  handshakes: {
    title: 'A handshake and one POST, beside node:https and nginx',
    file: 'handshakes.ts',
    args: [],
    short: ['--rounds', '2', '--seconds', '0.5'],
  },
  'fan-out': {
    title: 'One POST to many event streams, beside nginx with nchan',
    file: 'fan-out.ts',
    args: [],
    short: ['--streams', '1,100', '--rounds', '2', '--events', '1000'],
  },
  readers: {
    title: 'A POST beside streams on other topics',
    file: 'readers.ts',
    args: [],
    short: ['2', '0.5'],
  },
  memory: {
    title: 'Memory of idle streams and MQTT clients, beside nginx with nchan and Mosquitto',
    file: 'memory.ts',
    args: [],
    short: ['--clients', '200', '--after', '2'],
  },
  mqtt: {
    title: 'MQTT, beside Mosquitto and aedes',
    file: 'broker.ts',
    args: ['--rounds', '5', '--seconds', '1'],
    short: ['--rounds', '1', '--seconds', '0.3'],
  },
  latency: {
    title: 'From a POST to those who read it, at 1,000 readings a second',
    file: 'latency.ts',
    args: [],
    short: ['--rounds', '1', '--seconds', '1'],
  },
  acl: { title: 'The ACL', file: 'acl.ts', args: [], short: [] },
  'cold-start': {
    title: 'From exec to the first 200',
    file: 'cold-start.ts',
    args: ['10'],
    short: ['2'],
  },
  growth: {
    title: 'What a large log costs',
    file: 'growth.ts',
    args: [],
    short: ['--short', '--only', 'opening'],
  },
}

const NAMES = Object.keys(PARTS)
const HELP = `Usage: npm run bench -- [NAMES] [OPTIONS]

Compares the gateway with what people would use instead, on this machine: each server has one core, its load the other, and
they are measured in turns. Ratios mean something on a busy machine, too; figures on their own do not.

${NAMES.map((name) => `  ${name.padEnd(11)} ${PARTS[name]?.title}`).join('\n')}

  --short       a first impression of each, in a few minutes
  --out FILE    write what is printed into FILE, with the machine, the versions and the date`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    short: { type: 'boolean', default: false },
    out: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

async function run({ file, args, short }: Part): Promise<string> {
  const chosen = values.short ? short : args
  const path = new URL(file, import.meta.url).pathname
  const child = spawn(process.execPath, ['--expose-gc', path, ...chosen], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
    process.stdout.write(piece)
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`bench/${file} ended with ${code}`)
  return text.trimEnd()
}

function machine(): string {
  const [cpu] = cpus()
  const load = readFileSync('/proc/loadavg', 'latin1').split(' ')[0]
  return [
    `${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${cpu?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB,`,
    `Linux ${release()} ${arch()}; ${versionsOf()}; load average before the first part: ${load}`,
  ].join(' ')
}

async function runAll(names: readonly string[]): Promise<void> {
  const sections = [machine()]
  for (const name of names) {
    const part = PARTS[name] as Part
    process.stdout.write(`\n## ${part.title}\n\n`)
    const command = `npm run bench -- ${name}${values.short ? ' --short' : ''}`
    sections.push(`## ${part.title}\n\n\`${command}\`\n\n\`\`\`\n${await run(part)}\n\`\`\``)
  }
  if (values.out) await writeFile(values.out, `# Results\n\n${sections.join('\n\n')}\n`)
}

const unknown = positionals.filter((name) => !(name in PARTS))
if (values.help) process.stdout.write(`${HELP}\n`)
else if (unknown.length > 0) {
  process.stderr.write(
    `There is no benchmark "${unknown.join('", "')}". Choose from: ${NAMES.join(', ')}.\n`,
  )
  process.exitCode = 2
} else await runAll(positionals.length > 0 ? positionals : NAMES)
