// Measures reading a week of one topic from a large log: node bench/history.ts [--help]
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { GOALS } from './goals.ts'
import { report } from './support/findings.ts'
import { createGround, type Ground } from './support/ground.ts'
import { fillStore, TOPICS, topicOf } from './support/growth-store.ts'
import type { Stops } from './support/loop-probe.ts'
import { median, print, printTable, withSpread } from './support/rounds.ts'
import { type Server, startServer } from './support/servers.ts'

const DAYS = 7
const BYTES = 100
const HELP = `Usage: node bench/history.ts [OPTIONS]

Sends GET /history for ${DAYS} days of one of ${TOPICS} topics, averaged over 5 minutes, on an open connection. The store has many
messages of ${BYTES} bytes. Prints the milliseconds to the first byte and to the last, and how long the event loop of the gateway is
blocked: in CPU time, and by the clock, which includes other programs.

  --entries N   messages in the store [1000000]
  --rounds N    requests, each for another topic [15]`

const { values } = parseArgs({
  options: {
    entries: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '15' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
const entries = Number(values.entries)
/** Messages of a topic are more than 5 minutes apart; a tenth of all is on a topic that is not read. */
const BUCKETS = (entries * 0.9) / TOPICS

interface Measured {
  readonly first: number
  readonly whole: number
  readonly stops: Stops
}

async function measure(
  { httpsPort: port, ask }: Server,
  { reader }: Ground,
  agent: Agent,
  topic: string,
): Promise<Measured> {
  const { ca, certificate: cert, key } = reader
  await ask<Stops>('stops')
  // lets the event loop become idle before its probe starts
  await setTimeout(100)
  await ask<Stops>('stops')
  const began = performance.now()
  const path = `/history?filter=${topic}&from=-${DAYS}d&every=5m&field=t`
  const sent = request({ host: '127.0.0.1', port, path, ca, cert, key, agent }).end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode}`)
  let first = 0
  let text = ''
  for await (const piece of response.setEncoding('utf8')) {
    first ||= performance.now() - began
    text += piece
  }
  const whole = performance.now() - began
  const buckets = JSON.parse(text).buckets.length
  if (buckets !== BUCKETS) throw new Error(`${path}: ${buckets} of ${BUCKETS} buckets`)
  return { first, whole, stops: await ask('stops') }
}

async function run(directory: string): Promise<void> {
  const step = (DAYS * 86_400_000 - 600_000) / entries
  fillStore(directory, entries, BYTES, step)
  await using ground = await createGround()
  const env = { WOTT_BROKER: `file:${directory}`, WOTT_HISTORY_AGE: '2592000' }
  const probe = new URL('./support/loop-probe.ts', import.meta.url)
  await using server = await startServer('gateway', ground, { env, probe })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const all: Measured[] = []
  // the first round warms up the JIT
  await measure(server, ground, agent, topicOf(0))
  for (let round = 1; round <= Number(values.rounds); round++)
    all.push(await measure(server, ground, agent, topicOf(round)))
  agent.destroy()
  const first = all.map((one) => one.first)
  const whole = all.map((one) => one.whole)
  const cpu = all.map(({ stops }) => stops.cpu)
  const clock = all.map(({ stops }) => stops.clock)
  print(`${entries} messages, ${BUCKETS} buckets in an answer; milliseconds`)
  printTable([
    ['', 'median (least to most)', 'goal'],
    ['first byte', withSpread(first, 1), String(GOALS.firstByte.most)],
    ['whole answer', withSpread(whole, 1), String(GOALS.wholeAnswer.most)],
    ['longest block, CPU', withSpread(cpu, 1), String(GOALS.block.most)],
    ['longest block, by the clock', withSpread(clock, 1), String(GOALS.block.most)],
  ])
  report({
    what: `/history of ${DAYS} days, ${entries} entries, one topic of ${TOPICS}, by 5 minutes`,
    measured: `first byte ${median(first).toFixed(1)} ms, whole ${median(whole).toFixed(0)} ms, longest block ${Math.max(...cpu).toFixed(1)} ms`,
    goals: [
      [GOALS.firstByte, median(first)],
      [GOALS.wholeAnswer, median(whole)],
      [GOALS.block, Math.max(...cpu)],
    ],
  })
}

if (values.help) print(HELP)
else {
  const directory = mkdtempSync(join(tmpdir(), 'wott-history-'))
  try {
    await run(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
