import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { BROKERS } from './brokers.ts'
import { SUITES } from './paho-suites.ts'
import { type Outcome, runSuite } from './run-suite.ts'

const HELP = `Usage: npm run paho -- DIR [OPTIONS]

Runs the Eclipse Paho interoperability suites over mTLS. DIR is a checkout of eclipse/paho.mqtt.testing.
Exits with 0 if every test does what test/conformance/paho-suites.ts expects of it.

  --only 3|5       only MQTT 3.1.1, or only MQTT 5
  --test NAME      only this test; may be repeated
  --broker NAME    gateway or mosquitto [gateway]
  --verbose        print the output of every test, not only of those with an unexpected result
`

function usage(problem: string): never {
  process.stderr.write(`${problem}\n\n${HELP}`)
  process.exit(2)
}

function readOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string' },
      test: { type: 'string', multiple: true },
      broker: { type: 'string', default: 'gateway' },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    process.exit(0)
  }
  const folder = join(positionals[0] ?? '', 'interoperability')
  if (positionals.length !== 1 || !existsSync(join(folder, 'client_test5.py')))
    usage('DIR has to be a checkout of eclipse/paho.mqtt.testing.')
  const broker = BROKERS.find((name) => name === values.broker)
  if (!broker) usage(`"${values.broker}" is not a broker that can be tested.`)
  const suites = SUITES.filter(({ version }) => version === (values.only ?? version))
  if (suites.length === 0) usage('--only has to be 3 or 5.')
  return { folder, broker, suites, tests: values.test, verbose: values.verbose }
}

function printTable(outcomes: readonly Outcome[]): void {
  const rows = [
    ['suite', 'test', 'result', 'expected'],
    ...outcomes.map(({ suite, test, result, expected, ok }) => [
      suite,
      test,
      result,
      ok ? expected : `${expected}  <-- unexpected`,
    ]),
  ]
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  for (const row of rows) {
    const line = row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')
    process.stdout.write(`${line}\n`)
  }
}

const { folder, broker, suites, tests, verbose } = readOptions()

function onResult({ suite, test, result, ok }: Outcome, output: string): void {
  process.stderr.write(`${suite} ${test} ${result}\n`)
  if (!ok || verbose) process.stderr.write(`${output}\n`)
}

// a test mostly sleeps, so the suites do not disturb each other
const outcomes = await Promise.all(
  suites.map((suite) => runSuite(suite, { folder, broker, only: tests, onResult })),
).then((each) => each.flat())
if (outcomes.length === 0) usage('There is no test of that name.')
printTable(outcomes)
for (const { title } of suites) {
  const ran = outcomes.filter(({ suite }) => suite === title)
  const passed = ran.filter(({ result }) => result === 'passes')
  process.stdout.write(`${title}: ${passed.length} of ${ran.length} pass\n`)
}
process.exitCode = outcomes.every(({ ok }) => ok) ? 0 : 1
