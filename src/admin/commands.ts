import { randomBytes } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { AdminCommands } from './socket.ts'

/** The store, as commands see it. */
export interface Administered {
  info(): Promise<unknown>
  backup(file: string): Promise<void>
}

/** What commands can ask of a gateway. */
export interface Administration {
  /** When devices last published, by WoTT ID, in milliseconds since the Unix epoch. */
  lastSeen(): ReadonlyMap<string, number>
  /** Who is connected or has a session, in pieces: all, or those with one of these names. */
  clients(names: ReadonlySet<string> | null): AsyncIterable<readonly unknown[]>
}

const COPY = /^backup-[\da-f]+\.sqlite(-journal)?$/

/** The commands that a running gateway carries out for `wott-gateway`. */
export function createAdminCommands({ lastSeen, clients }: Administration): AdminCommands {
  return {
    seen: async () => Object.fromEntries(lastSeen()),
    clients: (_, { names }) => clients(names ? new Set(names) : null),
  }
}

/** Further commands of a gateway with a store. `backup` copies the store into `folder`; its caller moves the copy away. */
export function createStoreCommands(
  folder: string,
  store: Administered,
  log: Logger,
): AdminCommands {
  return {
    info: () => store.info(),
    async backup(gone) {
      const file = join(folder, `backup-${randomBytes(6).toString('hex')}.sqlite`)
      log.info('copying the store')
      try {
        await store.backup(file)
      } catch (error) {
        log.error({ err: error }, 'copying the store failed')
        throw error
      }
      if (gone.aborted) await rm(file, { force: true })
      log.info('copied the store')
      return { file }
    },
  }
}

/** Deletes copies that nobody has moved away before the gateway was stopped. */
export async function removeOldCopies(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (COPY.test(name)) await rm(join(folder, name), { force: true })
}
