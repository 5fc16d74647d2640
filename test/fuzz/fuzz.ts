import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { globSync, readFileSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { print } from '../../bench/support/rounds.ts'

const TESTS = resolve(import.meta.dirname, '..')
const SEED_MODULE = new URL('../support/seed.ts', import.meta.url).href

const HELP = `Usage: npm run fuzz -- [FILE ...] [--minutes N] [--seed S]

Runs the tests with random input again and again, each time with another seed: damaged
MQTT packets, MQTT conversations compared with aedes, ACL files and mosquitto.conf
compared with Mosquitto, and properties of pure functions. Stops at the first failure,
prints it with the command that repeats it, and exits with 1.

  FILE ...           test files; by default all with random input
  --minutes N        duration, 1 by default; at least one seed
  --seed S           runs only this seed
  --help
`

/** The test files whose input is random. */
export function findRandomTests(): string[] {
  return globSync('**/*.test.ts', { cwd: TESTS })
    .map((file) => resolve(TESTS, file))
    .filter((file) => /\bfc\.(assert|sample)\(|\bSEED\b/.test(readFileSync(file, 'utf8')))
    .toSorted()
}

/** Runs test files with a seed; returns their output and whether they passed. */
export async function runWith(
  seed: number,
  files: readonly string[],
): Promise<{ readonly passed: boolean; readonly said: string }> {
  const args = ['--import', SEED_MODULE, '--test', '--test-concurrency=1', ...files]
  // a separate test run, also if a test starts it
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const child = spawn(process.execPath, args, {
    env: { ...env, FUZZ_SEED: String(seed) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const said = Array.fromAsync<Buffer>(child.stdout)
  const [code] = await once(child, 'close')
  return { passed: code === 0, said: Buffer.concat(await said).toString() }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return print(HELP)
  const files = positionals.length > 0 ? positionals : findRandomTests()
  const end = performance.now() + Number(values.minutes) * 60_000
  do {
    const seed = Number(values.seed ?? randomInt(2 ** 31))
    const { passed, said } = await runWith(seed, files)
    print(`seed ${seed}: ${passed ? 'passed' : 'failed'}`)
    if (!passed) {
      const named = files.map((file) => relative(process.cwd(), file)).join(' ')
      print(`${said}\nnpm run fuzz -- --seed ${seed} ${positionals.length > 0 ? named : ''}`)
      process.exitCode = 1
      return
    }
  } while (values.seed === undefined && performance.now() < end)
}

if (import.meta.main) await main()
