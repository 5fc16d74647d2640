import {
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { exists } from '../../disk/exists.ts'
import { syncDirectory, UNFINISHED_PREFIX } from '../../disk/files.ts'
import { messageOf, UsageError } from '../../errors.ts'
import { BLOCK } from './log-numbers.ts'
import { highestNumber, requireFiles, StoreLoss } from './losses.ts'
import { openPosition, type Position, positionFile, readPosition } from './position.ts'
import { asUsageError, checkOwner, openSqliteFile, storeFile } from './sqlite-file.ts'
import { giveToOwner } from './sqlite-restore.ts'
import { type Salvaged, salvage } from './sqlite-salvage.ts'
import { CLEAN_UP } from './sqlite-statements.ts'
import { SCHEMA_VERSION } from './sqlite-upgrade.ts'
import { playBack } from './wal.ts'

/** The result of a repair. */
export interface Repair extends Salvaged {
  /** The highest number of a message that is left, and the highest that is known to have been stored. */
  readonly highest: number
  readonly stored: number
  /** What was wrong with the files; null if only their content was damaged. */
  readonly problem: string | null
  /** The folder with the damaged files. */
  readonly aside: string
}

/**
 * Replaces the damaged store in `directory`, which no gateway has open, by a new one with everything that can be read. Returns
 * null, and changes nothing, if there is no damage. Readers are told of a gap. Throws a UsageError.
 */
export async function repairStore(directory: string): Promise<Repair | null> {
  const file = storeFile(directory)
  if (!exists(file) && !exists(positionFile(directory)))
    throw new UsageError(`there is no store in ${directory}`)
  const work = join(directory, `${UNFINISHED_PREFIX}repair`)
  rmSync(work, { recursive: true, force: true })
  try {
    mkdirSync(work, { mode: 0o700 })
    using _lock = lock(file, work)
    const { position, problem } = inspect(directory, file)
    const repaired = build(copyOf(file, work), join(work, 'new'), position)
    if (problem === null && repaired.isWhole) return null
    giveToOwner(storeFile(join(work, 'new')), directory)
    const aside = await replace(directory, work, repaired.highest)
    const { isWhole: _, ...found } = repaired
    return { ...found, problem, aside }
  } catch (error) {
    throw asUsageError(error, file)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

const NOTHING: Position = { number: 0, wal: null }

/** What is known to be stored, and what is missing according to the files. */
function inspect(directory: string, file: string): { position: Position; problem: string | null } {
  let position = NOTHING
  try {
    position = readPosition(directory) ?? NOTHING
    requireFiles(directory, file)
    return { position, problem: null }
  } catch (error) {
    return { position, problem: error instanceof StoreLoss ? error.what : messageOf(error) }
  }
}

/** Throws a UsageError if another process has the store open. */
function lock(file: string, work: string): Disposable {
  if (!exists(file)) return { [Symbol.dispose]() {} }
  // through another name, because SQLite would play back a write-ahead log beside the file
  const link = join(work, 'lock.sqlite')
  linkSync(file, link)
  const db = new DatabaseSync(link, { timeout: 0 })
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE')
  } catch (error) {
    const usage = asUsageError(error, file)
    if (usage instanceof UsageError && usage.message.includes('in use')) {
      db.close()
      throw usage
    }
  }
  return { [Symbol.dispose]: () => db.close() }
}

/** Makes a copy, so that opening it does not change the damaged files. */
function copyOf(file: string, work: string): string {
  const copy = join(work, 'copy.sqlite')
  for (const end of ['', '-wal'])
    if (exists(file + end)) copyFileSync(file + end, copy + end, constants.COPYFILE_FICLONE)
  // SQLite deletes the write-ahead log of an empty database, but all data may be in it
  if (exists(`${copy}-wal`) && (statSync(copy, { throwIfNoEntry: false })?.size ?? 0) === 0) {
    closeSync(openSync(copy, 'w'))
    playBack(`${copy}-wal`, copy)
  }
  return copy
}

interface Built extends Omit<Repair, 'aside' | 'problem'> {
  readonly isWhole: boolean
}

function build(copy: string, directory: string, position: Position): Built {
  const { db: to, file } = openSqliteFile(directory, { fsync: 'never' })
  let built: Built
  try {
    const found = read(copy, (from) => ({
      ...salvage(from, to),
      isSound: from.prepare('PRAGMA integrity_check(1)').get()?.integrity_check === 'ok',
    }))
    to.exec(`BEGIN; ${CLEAN_UP} COMMIT`)
    const highest = highestNumber(to)
    const isWhole = found.isSound && found.damaged.length === 0 && highest >= position.number
    const { isSound: _, ...salvaged } = found
    built = { ...salvaged, highest, stored: Math.max(highest, position.number), isWhole }
    tellOfGap(to, built.stored)
  } finally {
    to.close()
  }
  const handle = openSync(file, 'r')
  fsyncSync(handle)
  closeSync(handle)
  return built
}

const UNREADABLE: Salvaged = {
  kept: 0,
  damaged: [],
  holes: [[0, Number.MAX_SAFE_INTEGER]],
  tables: [],
}

function read<T extends Salvaged & { isSound: boolean }>(
  copy: string,
  work: (from: DatabaseSync) => T,
): T | (Salvaged & { isSound: false }) {
  let from: DatabaseSync | undefined
  try {
    from = new DatabaseSync(copy)
    from.exec('PRAGMA locking_mode = EXCLUSIVE')
    const version = checkOwner(from, copy)
    if (version === 0) return { ...UNREADABLE, isSound: false }
    if (version < SCHEMA_VERSION)
      throw new UsageError(
        'the store was written by an older gateway: start this gateway with it once, which upgrades it, or restore a backup',
      )
    return work(from)
  } catch (error) {
    const usage = asUsageError(error, copy)
    // no row of it can be read
    if (usage instanceof UsageError && /is damaged/.test(messageOf(usage)))
      return { ...UNREADABLE, isSound: false }
    throw error
  } finally {
    from?.close()
  }
}

/** Continues with numbers that were never given; readers that resume from an earlier one are told that messages are missing. */
function tellOfGap(to: DatabaseSync, stored: number): void {
  const mark = Number(to.prepare("SELECT value FROM meta WHERE key = 'mark'").get()?.value ?? 0)
  const start = String(Math.max(mark, stored) + BLOCK)
  const write = to.prepare('REPLACE INTO meta VALUES (?, ?)')
  for (const [key, value] of [
    ['mark', start],
    ['damaged', start],
    ['clean', '0'],
  ] as const)
    write.run(key, value)
}

/** Moves the damaged store away and the new one into its place; returns the folder of the damaged one. */
async function replace(directory: string, work: string, highest: number): Promise<string> {
  const file = storeFile(directory)
  const aside = join(directory, `damaged-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`)
  mkdirSync(aside, { mode: 0o700 })
  const files = [file, `${file}-wal`, positionFile(directory)]
  for (const name of files) if (exists(name)) linkSync(name, join(aside, basename(name)))
  giveToOwner(aside, directory)
  await syncDirectory(aside)
  const position = openPosition(work)
  position.write({ number: highest, wal: null })
  position.flush()
  position.close()
  giveToOwner(positionFile(work), directory)
  // SQLite would play it back into the new database
  rmSync(`${file}-wal`, { force: true })
  renameSync(storeFile(join(work, 'new')), file)
  renameSync(positionFile(work), positionFile(directory))
  await syncDirectory(directory)
  return aside
}
