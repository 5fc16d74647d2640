import { GOALS, isReached } from '../goals.ts'
import { startWorker } from './child.ts'
import { createGround } from './ground.ts'
import { median, print, printTable } from './rounds.ts'
import { type ServerName, startServer } from './servers.ts'
import type { SlowJob, SlowResult } from './slow-load.ts'

type Mode = Pick<SlowJob, 'publishers' | 'over' | 'reads'> & { readonly name: string }

const PUBLISHING = [
  { who: '1 MQTT publisher', publishers: 1, over: 'mqtt' },
  { who: '60 MQTT publishers', publishers: 60, over: 'mqtt' },
  // more publishers than the concurrency of stock aedes, as in a real fleet
  { who: '200 HTTP publishers', publishers: 200, over: 'http' },
] as const
// the mode that reads shows the gaps that the machine itself causes
const READING = ['reads', 'stops', 'trickles'] as const
const MODES: readonly Mode[] = PUBLISHING.flatMap(({ who, ...publishing }) =>
  READING.map((reads) => ({ ...publishing, reads, name: `${who}, it ${reads}` })),
)
const SERVERS: readonly ServerName[] = ['aedes', 'gateway']

export interface SlowOptions {
  readonly rounds: number
  readonly seconds: number
}

/** Measures how one subscriber of big/# that does not read affects the others. */
export async function runSlow({ rounds, seconds }: SlowOptions): Promise<void> {
  await using ground = await createGround()

  async function once(name: ServerName, mode: Mode): Promise<SlowResult> {
    await using server = await startServer(name, ground)
    await using worker = startWorker<SlowJob, SlowResult>(
      new URL('./slow-load.ts', import.meta.url),
    )
    return await worker.ask({
      port: server.port,
      httpsPort: server.httpsPort,
      seconds,
      publishers: mode.publishers,
      over: mode.over,
      reads: mode.reads,
      sensorDirectory: ground.sensor.directory,
      readerDirectory: ground.reader.directory,
    })
  }

  print(
    `2,000 messages/s of 2 KB to big/# for ${seconds} s with one subscriber that does not read, and 100/s to`,
  )
  print(
    'another topic. Longest gap in milliseconds of a healthy subscriber on big/# / on the other topic;',
  )
  print(
    'the slowest HTTP answer; the share of big/# that arrived; "own" is the delay of the clients',
  )
  print('themselves, which is in every gap. Stock aedes has its default drainTimeout of 60 s.')
  const met: string[] = []
  const rows: string[][] = [['', ...SERVERS]]
  for (const mode of MODES) {
    const cells: string[] = []
    for (const name of SERVERS) {
      const results: SlowResult[] = []
      for (let round = 0; round < rounds; round++) results.push(await once(name, mode))
      cells.push(cell(results))
      if (name === 'gateway' && mode.reads !== 'reads') {
        const gap = median(results.map(({ otherGap }) => otherGap))
        met.push(
          `${isReached(GOALS.gap, gap) ? 'met   ' : 'missed'} ${mode.name}: ${gap.toFixed(0)} ms`,
        )
      }
    }
    rows.push([mode.name, ...cells])
  }
  printTable(rows)
  print(`\nGoal: the gateway's gap on the other topic is at most ${GOALS.gap.most} ms`)
  for (const line of met) print(line)
}

function cell(results: readonly SlowResult[]): string {
  const of = (what: keyof SlowResult) => median(results.map((result) => result[what]))
  const answer = of('slowestAnswer')
  return [
    `${of('bigGap').toFixed(0)} / ${of('otherGap').toFixed(0)}`.padStart(12),
    (answer === 0 ? '' : `answer ${answer.toFixed(0)}`).padStart(12),
    `${(of('bigDelivered') * 100).toFixed(0)}%`.padStart(5),
    `own ${of('ownLag').toFixed(0)}`.padStart(8),
  ].join(' ')
}
