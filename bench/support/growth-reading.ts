import { createGround } from './ground.ts'
import { publishing, readHistory, resume } from './growth-readers.ts'
import { LARGE_TOPIC, STEP_MS, TOPICS, topicOf } from './growth-store.ts'
import type { Stops } from './loop-probe.ts'
import { median, print, printTable } from './rounds.ts'
import { startServer } from './servers.ts'

const LOOP_PROBE = new URL('./loop-probe.ts', import.meta.url)
/** Events of one resume of one topic, and of all topics. */
const RESUMED = 100_000

/** Measures a gateway on the store of `directory` while streams resume, history is read and messages come. */
export async function measureReading(
  directory: string,
  entries: number,
  rounds: number,
): Promise<void> {
  await using ground = await createGround()
  const env = { WOTT_BROKER: `file:${directory}`, WOTT_FSYNC: 'interval' }
  await using server = await startServer('gateway', ground, { env, probe: LOOP_PROBE })
  const seconds = Math.floor((entries * STEP_MS) / 1000)
  const from = `&from=-${seconds + 600}s`
  const large = entries / 10
  const all = Math.min(RESUMED, entries)
  const each = Math.floor((entries - large) / TOPICS)
  const works: [string, () => Promise<string>][] = [
    ['nothing', async () => ''],
    ...[
      ['#', all],
      ['bench/+/t', Math.min(RESUMED, entries - large)],
      [LARGE_TOPIC, large],
      [topicOf(1), each],
    ].map(([filter, count]): [string, () => Promise<string>] => [
      `resuming ${filter}, ${count} events`,
      async () => `${Math.round(await resume(server, ground, `${filter}`, Number(count)))}/s`,
    ]),
    ...['every=5m&field=t', 'limit=10000'].map((what): [string, () => Promise<string>] => [
      `history of a topic, ${what}`,
      async () => {
        const { first, whole } = await readHistory(
          server,
          ground,
          `filter=${topicOf(1)}${from}&${what}`,
        )
        return `first ${first.toFixed(0)} ms, whole ${whole.toFixed(0)} ms`
      },
    ]),
    [
      'history of all, every=5m',
      async () => {
        const { whole } = await readHistory(server, ground, `filter=%23${from}&every=5m&field=t`)
        return `whole ${whole.toFixed(0)} ms`
      },
    ],
  ]
  const rows = [['', 'speed', 'longest block: CPU', 'by the clock', 'PUBACK: p50', 'p99']]
  for (const [name, work] of works) {
    const stops: { cpu: number; clock: number }[] = []
    const took: number[] = []
    let speed = ''
    for (let round = 0; round <= rounds; round++) {
      let isDone = false
      await server.ask<Stops>('stops')
      const published = publishing(server, ground, () => !isDone)
      await new Promise((resolve) => setTimeout(resolve, 500))
      await server.ask<Stops>('stops')
      speed = await work()
      if (speed === '') await new Promise((resolve) => setTimeout(resolve, 1_500))
      // the first round warms up the JIT
      if (round > 0) stops.push(await server.ask<Stops>('stops'))
      isDone = true
      const those = await published
      if (round > 0) took.push(...those)
    }
    took.sort((a, b) => a - b)
    const ms = (value: number | undefined) => `${(value ?? 0).toFixed(1)} ms`
    rows.push([
      name,
      speed,
      ms(median(stops.map(({ cpu }) => cpu))),
      ms(median(stops.map(({ clock }) => clock))),
      ms(took[took.length >> 1]),
      ms(took[Math.floor(took.length * 0.99)]),
    ])
  }
  printTable(rows)
  print()
}
