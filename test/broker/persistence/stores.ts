import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { createSilentJournal, type Journal } from '../../../src/broker/persistence/journal.ts'
import {
  openPersistence,
  type Persistence,
  type PersistenceOptions,
} from '../../../src/broker/persistence/persistence.ts'
import { openSqliteJournal } from '../../../src/broker/persistence/sqlite-journal.ts'

type Settings = Omit<PersistenceOptions, 'journal'>

interface Kind {
  readonly name: 'memory' | 'file'
  /** A new and empty store, closed when the tests of this file are done. */
  open(settings?: Settings): Promise<Persistence>
}

/** The kinds of store, which have to behave alike. */
export const KINDS: readonly Kind[] = [
  { name: 'memory', open: (settings) => openOn(createSilentJournal(), settings) },
  { name: 'file', open: (settings) => openFile(temporaryDirectory(), settings) },
]

export async function openFile(directory: string, settings?: Settings): Promise<Persistence> {
  return openOn(await openSqliteJournal(directory, { fsync: 'never' }), settings)
}

export async function openOn(journal: Journal, settings?: Settings): Promise<Persistence> {
  const persistence = await openPersistence({ ...settings, journal })
  await persistence.setup({ id: 'broker' })
  opened.push(persistence)
  return persistence
}

const opened: Persistence[] = []
const directories: string[] = []

/** A directory that is gone when the tests of this file are done. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'wott-store-'))
  directories.push(directory)
  return directory
}

after(async () => {
  for (const persistence of opened) await persistence.destroy()
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

/** Counts what a store reports of its bounds. */
export function createTally() {
  const counts: Record<string, number> = {}
  return {
    counts,
    onBound(reason: string, count: number): void {
      counts[reason] = (counts[reason] ?? 0) + count
    },
  }
}
