// Measures the time from the import of wott-gateway/lambda to its first answer, packed: node bench/function-start.ts [RUNS]
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startSandbox } from '../test/lambda/sandbox.ts'
import { invoke, startSurroundings } from '../test/lambda/site.ts'
import { installPacked } from './support/pack.ts'
import { median } from './support/rounds.ts'

const runs = Number(process.argv[2] ?? 10)
const print = (line: string) => process.stdout.write(`${line}\n`)
const folder = await mkdtemp(join(tmpdir(), 'wott-function-'))

interface Start {
  readonly imported: number
  readonly first: number
  readonly second: number
  readonly cpu: number
  readonly memory: number
}

try {
  const entry = join(await installPacked(folder), '../entry.mjs')
  const deployed = await readFile(join(folder, 'package/deploy/lambda/index.mjs'), 'utf8')
  await writeFile(entry, deployed.replace('wott-gateway/lambda', './package/dist/lambda.js'))
  await using around = await startSurroundings()
  const { sensor } = around
  // a function has no compile cache
  const environment = { ...around.environment, NODE_DISABLE_COMPILE_CACHE: '1' }

  async function start(): Promise<Start> {
    await using sandbox = await startSandbox({ module: entry, environment })
    const ask = async () => {
      const { status, json } = await invoke(sandbox, 'rest', sensor)
      if (status !== 200) throw new Error(JSON.stringify(json))
      return sandbox.last()
    }
    const first = await ask()
    const second = await ask()
    const { imported } = sandbox
    return { imported, first: first.ms, second: second.ms, cpu: first.cpu, memory: second.memory }
  }

  await start()
  const starts: Start[] = []
  for (let run = 0; run < runs; run += 1) starts.push(await start())
  const middle = (name: keyof Start) => median(starts.map((one) => one[name])).toFixed(0)
  print(`median of ${runs} cold starts, Node.js ${process.version}:`)
  print(`  import ${middle('imported')} ms, with the connection to the broker`)
  print(`  first QoS 1 POST ${middle('first')} ms`)
  print(`  second QoS 1 POST ${middle('second')} ms`)
  print(`  ${middle('cpu')} ms of CPU up to the first answer, ${middle('memory')} MB resident`)
} finally {
  await rm(folder, { recursive: true, force: true })
}
