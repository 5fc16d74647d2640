// Runs all benchmarks, one after the other: npm run bench -- [NAMES] [--help]
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { arch, cpus, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { PARTS, type Part } from './parts.ts'
import type { Finding } from './support/findings.ts'
import { type About, type Section, toMarkdown } from './support/results.ts'
import { versionsOf } from './support/versions.ts'

const NAMES = Object.keys(PARTS)
const MINUTES = Object.values(PARTS).reduce((sum, { minutes }) => sum + minutes, 0)
const HELP = `Usage: npm run bench -- [NAMES] [OPTIONS]

Compares the gateway with its alternatives on this machine. Each server has one core, its load generator has the other, and the
servers are measured in turn. Ratios are also valid on a busy machine; absolute figures are not. All parts take about
${MINUTES.toFixed(0)} minutes on two idle cores. Minutes of each part:

${NAMES.map((name) => `  ${PARTS[name]?.minutes.toFixed(1)}  ${name.padEnd(11)} ${PARTS[name]?.title}`).join('\n')}

  --short       shorter runs of each part, a few minutes in all
  --out FILE    write the results to FILE, with the machine, the versions, the date and a summary table`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    short: { type: 'boolean', default: false },
    out: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

/** Runs one part in a separate process that prints its results. If a part fails, the others still run. */
async function run(name: string, { title, file, args, short }: Part): Promise<Section> {
  process.stdout.write(`\n## ${title}\n\n`)
  const directory = mkdtempSync(join(tmpdir(), 'wott-findings-'))
  const findings = join(directory, 'findings')
  writeFileSync(findings, '')
  const path = new URL(file, import.meta.url).pathname
  const chosen = values.short ? short : args
  const began = performance.now()
  const child = spawn(process.execPath, ['--expose-gc', path, ...chosen], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, BENCH_FINDINGS: findings },
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
    process.stdout.write(piece)
  })
  const [code, signal] = await once(child, 'close')
  const found = readFileSync(findings, 'utf8').split('\n').filter(Boolean)
  rmSync(directory, { recursive: true })
  return {
    title,
    command: `npm run bench -- ${name}${values.short ? ' --short' : ''}`,
    text: text.trimEnd(),
    seconds: (performance.now() - began) / 1000,
    failed: code === 0 ? null : `bench/${file} ended with ${code ?? signal}`,
    findings: found.map((line) => JSON.parse(line) as Finding),
  }
}

function about(): About {
  const [cpu] = cpus()
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: git('describe', '--always', '--dirty', '--abbrev=12'),
    machine: `${cpus().length} × ${cpu?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()} ${arch()}`,
    versions: versionsOf(),
    load: readFileSync('/proc/loadavg', 'latin1').split(' ')[0] ?? '',
    isShort: values.short,
  }
}

function git(...args: string[]): string {
  return execFileSync('git', args, { encoding: 'utf8', cwd: import.meta.dirname }).trim()
}

async function runAll(names: readonly string[]): Promise<void> {
  const before = about()
  const sections: Section[] = []
  for (const name of names) {
    const section = await run(name, PARTS[name] as Part)
    sections.push(section)
    if (section.failed) {
      process.stderr.write(`${section.failed}\n`)
      process.exitCode = 1
    }
    // written after each part, so that a later crash does not lose results
    if (values.out) writeFileSync(values.out, `${toMarkdown(before, sections)}\n`)
  }
}

const unknown = positionals.filter((name) => !(name in PARTS))
if (values.help) process.stdout.write(`${HELP}\n`)
else if (unknown.length > 0) {
  process.stderr.write(
    `There is no benchmark "${unknown.join('", "')}". Choose from: ${NAMES.join(', ')}.\n`,
  )
  process.exitCode = 2
} else await runAll(positionals.length > 0 ? positionals : NAMES)
