import { readdir, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { Gauge, type Registry } from 'prom-client'

export interface StoreMetricsOptions {
  /** Null when publishing can succeed, otherwise why not. */
  outage(): string | null
  /** What the log holds; null while that is being counted. */
  log(): { readonly entries: number; readonly bytes: number } | null
  /** Where messages are kept; null when that is memory alone. */
  readonly folder: string | null
}

/** The broker and its disk, looked at when somebody asks for the metrics. */
export function registerStoreMetrics(
  registry: Registry,
  { outage, log, folder }: StoreMetricsOptions,
): void {
  const registers = [registry]
  new Gauge({
    name: 'wott_broker_up',
    help: 'Whether the broker takes messages.',
    registers,
    collect() {
      this.set(outage() === null ? 1 : 0)
    },
  })
  for (const [name, help, of] of [
    ['wott_log_entries', 'Messages in the log.', 'entries'],
    [
      'wott_log_bytes',
      'Bytes of the messages in the log, as WOTT_HISTORY_BYTES counts them.',
      'bytes',
    ],
  ] as const)
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const usage = log()
        if (usage) this.set(usage[of])
        else this.remove()
      },
    })
  if (folder === null) return
  new Gauge({
    name: 'wott_store_size_bytes',
    help: 'Size of the files of the store.',
    registers,
    async collect() {
      this.set(await sizeOf(folder))
    },
  })
  new Gauge({
    name: 'wott_store_free_bytes',
    help: 'Free space for the gateway on the disk of the store.',
    registers,
    async collect() {
      const { bavail, bsize } = await statfs(folder)
      this.set(bavail * bsize)
    },
  })
}

/** Files that SQLite takes away meanwhile count nothing. */
async function sizeOf(folder: string): Promise<number> {
  const names = await readdir(folder)
  const sizes = names.map((name) =>
    stat(join(folder, name)).then(
      ({ size }) => size,
      () => 0,
    ),
  )
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}
