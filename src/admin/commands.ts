import { randomBytes } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { AdminCommands } from './socket.ts'

export interface Administered {
  info(): Promise<unknown>
  backup(file: string): Promise<void>
}

export interface Administration {
  readonly store: Administered
  /** When devices last published, by WoTT ID, in milliseconds since the Unix epoch. */
  lastSeen(): ReadonlyMap<string, number>
  readonly log: Logger
}

const COPY = /^backup-[\da-f]+\.sqlite(-journal)?$/

/** What a running gateway does when it is asked. A copy of the store is made in `folder`; whoever asked moves it from there. */
export function createAdminCommands(
  folder: string,
  { store, lastSeen, log }: Administration,
): AdminCommands {
  return {
    info: () => store.info(),
    seen: async () => Object.fromEntries(lastSeen()),
    async backup(gone) {
      const file = join(folder, `backup-${randomBytes(6).toString('hex')}.sqlite`)
      log.info('a copy of the store is being made')
      try {
        await store.backup(file)
      } catch (error) {
        log.error({ err: error }, 'no copy of the store was made')
        throw error
      }
      if (gone.aborted) await rm(file, { force: true })
      log.info('a copy of the store was made')
      return { file }
    },
  }
}

/** Deletes the copies that nobody came for before the last gateway ended. */
export async function removeOldCopies(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (COPY.test(name)) await rm(join(folder, name), { force: true })
}
