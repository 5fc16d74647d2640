import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

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

/** Starts a thread, which takes a while. One that has no database to open is to be terminated. */
export function startStoreThread(): StoreThread {
  const worker = new Worker(WORKER, { execArgv, name: 'store' })
  let reason = new Error('its thread has ended')
  worker.on('error', (error) => {
    reason = error instanceof Error ? error : new Error(String(error))
  })
  const ended = new Promise<Error>((resolve) => worker.once('exit', () => resolve(reason)))
  return { worker, ended }
}
