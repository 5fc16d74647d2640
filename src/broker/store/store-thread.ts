import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Config } from '../../config/load.ts'

// .ts in a checkout, .js or .cjs in the package: the same extension as this file
const WORKER = new URL(`./sqlite-worker${extname(import.meta.url)}`, import.meta.url)
// without this process's own flags, and without Node 24's warning that its SQLite is experimental
const execArgv = ['--disable-warning=ExperimentalWarning']

/** The thread of a store; its first message, `WorkerData`, lets it open the database. */
export interface StoreThread {
  readonly worker: Worker
  /** Resolves, with the reason, once the thread has ended. */
  readonly ended: Promise<Error>
}

/** Starts the thread that a broker will need, so that `openBroker` does not wait for it; null if it needs none. */
export function startThread({ address }: Config['broker']): StoreThread | null {
  return address.kind === 'file' ? startStoreThread() : null
}

export function startStoreThread(): StoreThread {
  const worker = new Worker(WORKER, { execArgv, name: 'store' })
  let reason = new Error('its thread has ended')
  worker.on('error', (error) => {
    reason = error instanceof Error ? error : new Error(String(error))
  })
  const ended = new Promise<Error>((resolve) => worker.once('exit', () => resolve(reason)))
  return { worker, ended }
}
