import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { DEFAULT_RETENTION } from '../../src/broker/store/defaults.ts'
import type { Message } from '../../src/topic/message.ts'
import { messageOf, openBroker } from './growth-broker.ts'
import { untilCounted } from './growth-opening.ts'
import { print } from './rounds.ts'

const RATE = 1_000
const round = (value: number, digits = 0) => value.toFixed(digits).padStart(8)

/** Measures how long publishers wait while a store is trimmed to half its size, and while it is copied. */
export async function measureTrimming(
  directory: string,
  count: number,
  bytes: number,
  seconds: number,
): Promise<void> {
  const full = await openBroker(directory)
  show('no trimming', await latencies(full.broker.publish, bytes, forSeconds(seconds)))
  await full.broker.close()
  const half = { ...DEFAULT_RETENTION, bytes: (count * (bytes + 110)) / 2 }
  const { store, broker } = await openBroker(directory, { retention: half })
  await untilCounted(store.log.usage)
  const start = performance.now()
  const entries = () => store.log.usage()?.entries ?? 0
  const first = entries()
  const during = await latencies(broker.publish, bytes, forSeconds(seconds))
  const gone = (first + during.length - entries()) / ((performance.now() - start) / 1000)
  show('trimming', during)
  print(`  trimmed           ${round(gone)} messages per second`)
  const copy = join(directory, 'copy.sqlite')
  let isCopied = false
  const copying = store.admin?.backup(copy).then(() => {
    isCopied = true
  })
  show('making a backup', await latencies(broker.publish, bytes, () => !isCopied))
  await copying
  rmSync(copy)
  await broker.close()
}

/** Measures how long QoS 1 messages take to be stored, at 1,000 per second, while `isGoingOn`. */
async function latencies(
  publish: (message: Message) => Promise<void> | undefined,
  bytes: number,
  isGoingOn: () => boolean,
): Promise<number[]> {
  const took: number[] = []
  const underway: Promise<void>[] = []
  const start = performance.now()
  let sent = 0
  while (isGoingOn()) {
    for (const due = ((performance.now() - start) / 1000) * RATE; sent < due; sent++) {
      const begin = performance.now()
      const stored = Promise.resolve(publish(messageOf(sent, bytes)))
      underway.push(stored.then(() => void took.push(performance.now() - begin)))
    }
    await setTimeout(1)
  }
  await Promise.all(underway)
  return took.sort((a, b) => a - b)
}

function show(name: string, took: readonly number[]): void {
  const at = (part: number) => round(took[Math.floor((took.length - 1) * part)] ?? 0, 1)
  print(`  ${name.padEnd(17)} ${at(0.5)} ms, p99 ${at(0.99)} ms, slowest ${at(1)} ms`)
}

function forSeconds(seconds: number): () => boolean {
  const end = performance.now() + seconds * 1000
  return () => performance.now() < end
}
