// Opens the store of a directory in a separate process, so that its memory can be measured: growth-opening.ts DIRECTORY
import { execFileSync } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openBroker } from './growth-broker.ts'
import { print } from './rounds.ts'

const round = (value: number) => value.toFixed(0).padStart(8)

export function measureOpening(directory: string): void {
  execFileSync(process.execPath, [fileURLToPath(import.meta.url), directory], { stdio: 'inherit' })
}

export async function untilCounted(usage: () => unknown): Promise<void> {
  while (usage() === null) await setTimeout(20)
}

async function open(directory: string): Promise<void> {
  const before = process.memoryUsage().rss
  const start = performance.now()
  const { store, broker } = await openBroker(directory)
  const took = performance.now() - start
  const { rss } = process.memoryUsage()
  await untilCounted(store.log.usage)
  const counted = performance.now() - start
  const most = process.resourceUsage().maxRSS / 1024
  print(
    `  open after        ${round(took)} ms, ${round((rss - before) / 2 ** 20)} MiB more in memory`,
  )
  print(`  counted after     ${round(counted)} ms, ${round(most)} MiB at most in all`)
  await broker.close()
}

if (import.meta.main) await open(process.argv[2] ?? '')
