import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type BrokerName, startBroker } from './brokers.ts'
import type { Suite } from './paho-suites.ts'
import { openProxy } from './proxy.ts'

export type Result = 'passes' | 'fails' | 'hangs' | 'missing'

export interface Outcome {
  readonly suite: string
  readonly test: string
  readonly result: Result
  readonly expected: string
  /** Whether the result is the expected one, and for its expected reason. */
  readonly ok: boolean
}

export interface RunOptions {
  /** `interoperability/` of the checkout. */
  readonly folder: string
  readonly broker: BrokerName
  /** The tests to run; without it, all. */
  readonly only?: readonly string[] | undefined
  /** Called after each test with its output. */
  onResult(outcome: Outcome, output: string): void
}

const ONE_TEST = join(import.meta.dirname, 'one-test.py')
/** The longest test takes 30 seconds; some wait forever for a message that does not come. */
const LIMIT_MS = 60_000

/** Runs the tests of a suite in turn, against a new broker. */
export async function runSuite(suite: Suite, options: RunOptions): Promise<Outcome[]> {
  const { folder, broker, only, onResult } = options
  const found = await testsIn(join(folder, `${suite.module}.py`))
  const tests = [...new Set([...suite.tests, ...found])].filter(
    (test) => only?.includes(test) ?? true,
  )
  if (tests.length === 0) return []
  await using running = await startBroker(broker, suite.broker)
  await using proxy = await openProxy(running.port, running.device)
  const outcomes: Outcome[] = []
  for (const test of tests) {
    const { result, output } = found.includes(test)
      ? await runTest(folder, suite.module, test, proxy.port)
      : { result: 'missing' as const, output: '' }
    const outcome = judge(suite, broker, test, result, output)
    onResult(outcome, output)
    outcomes.push(outcome)
  }
  return outcomes
}

async function testsIn(file: string): Promise<string[]> {
  const source = await readFile(file, 'utf8')
  return [...source.matchAll(/^ {4}def (test\w+|\w+_test)\(self\)/gm)].map(([, name]) => `${name}`)
}

async function runTest(folder: string, module: string, test: string, port: number) {
  const child = spawn('python3', ['-W', 'ignore', ONE_TEST, folder, module, test, String(port)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  const [code, signal] = await once(child, 'close')
  const result: Result = code === 0 ? 'passes' : signal ? 'hangs' : 'fails'
  return { result, output }
}

function judge(
  suite: Suite,
  broker: BrokerName,
  test: string,
  result: Result,
  output: string,
): Outcome {
  const exception = suite.exceptions[broker][test]
  const known = suite.tests.includes(test)
  return {
    suite: suite.title,
    test,
    result,
    expected: !known
      ? 'not in the table'
      : exception
        ? `${exception.result}: ${exception.reason}`
        : 'passes',
    ok:
      known &&
      result === (exception?.result ?? 'passes') &&
      output.includes(exception?.prints ?? ''),
  }
}
