import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGroupCommit } from '../../../src/broker/store/group-commit.ts'
import { createSilentJournal } from '../../../src/broker/store/journal.ts'
import { openSqliteJournal } from '../../../src/broker/store/sqlite-journal.ts'
import { atEndOfFile } from '../../support/file-suites.ts'
import { createManualDisk } from './manual-disk.ts'
import { openOn, type Settings, type TestBroker } from './test-broker.ts'

interface Kind {
  readonly name: 'memory' | 'file'
  /** Opens a new, empty store, which is closed after the tests of the file. */
  open(settings?: Settings): Promise<TestBroker>
}

/** The kinds of store, which must behave the same. */
export const KINDS: readonly Kind[] = [
  { name: 'memory', open: (settings) => openMemory(settings) },
  { name: 'file', open: (settings) => openFile(temporaryDirectory(), settings) },
]

export async function openMemory(settings?: Settings): Promise<TestBroker> {
  const at = await openOn(createSilentJournal(), settings)
  atEndOfFile(() => at.broker.close())
  return at
}

export async function openFile(directory: string, settings?: Settings): Promise<TestBroker> {
  const at = await openOn(await openSqliteJournal(directory, { fsync: 'never' }), settings)
  atEndOfFile(() => at.broker.close())
  return at
}

/** A broker whose commits the test answers, in order. */
export async function openManual(settings?: Settings) {
  const { disk, next, isAsked } = createManualDisk()
  const opening = openOn(createGroupCommit(disk), settings)
  // every start stores the numbering before anything else
  ;(await next()).done()
  const at = await opening
  /** Completes all commits until `work` is done. */
  async function through<T>(work: Promise<T>): Promise<T> {
    let isDone = false
    const done = work.finally(() => {
      isDone = true
    })
    while (!isDone) {
      if (isAsked()) (await next()).done()
      await new Promise(setImmediate)
    }
    return done
  }
  return { ...at, next, isAsked, through }
}

const directories: string[] = []

/** A directory that is removed when the process ends. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'wott-store-'))
  directories.push(directory)
  return directory
}

/** A copy of an open store, which is what kill -9 would leave of it. */
export function copyOf(directory: string): string {
  const copy = temporaryDirectory()
  cpSync(directory, copy, { recursive: true })
  return copy
}

process.once('exit', () => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

/** Counts how often a store reports each bound. */
export function createTally() {
  const counts: Record<string, number> = {}
  return {
    counts,
    onBound(reason: string, count: number): void {
      counts[reason] = (counts[reason] ?? 0) + count
    },
  }
}
