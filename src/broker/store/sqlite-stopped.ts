import { DatabaseSync } from 'node:sqlite'
import { exists } from '../../disk/exists.ts'
import { UsageError } from '../../errors.ts'
import { createLogUsage } from './log-usage.ts'
import { requireFiles, requireMessages } from './losses.ts'
import { copyDatabase } from './sqlite-backup.ts'
import { asUsageError, checkOwner, storeFile } from './sqlite-file.ts'
import { readStoreInfo, type StoreInfo } from './sqlite-info.ts'
import { SCHEMA_VERSION } from './sqlite-upgrade.ts'

const LOCK_TIMEOUT_MS = 1_000

/** The content of the store in `directory`, which no gateway has open. Throws a UsageError if there is none. */
export function stoppedStoreInfo(directory: string): Promise<StoreInfo> {
  return withStopped(directory, async (db, version) => {
    if (version < SCHEMA_VERSION)
      throw new UsageError(
        `${storeFile(directory)} was written by an older gateway; start this gateway with it once, which upgrades it`,
      )
    return readStoreInfo(db, createLogUsage(db))
  })
}

/** Copies the store in `directory`, which no gateway has open, to the new `file`. */
export function copyStoppedStore(directory: string, file: string): Promise<void> {
  return withStopped(directory, (db) => copyDatabase(db, file))
}

async function withStopped<T>(
  directory: string,
  work: (db: DatabaseSync, version: number) => Promise<T>,
): Promise<T> {
  const file = storeFile(directory)
  if (!exists(file))
    throw new UsageError(
      `there is no store in ${directory}; name the folder of WOTT_BROKER=file:PATH`,
    )
  const position = requireFiles(directory, file)
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(file, { timeout: LOCK_TIMEOUT_MS })
    // so that no gateway opens it in the meantime
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA query_only = ON')
    const version = checkOwner(db, file)
    requireMessages(db, directory, file, position)
    return await work(db, version)
  } catch (error) {
    throw asUsageError(error, file)
  } finally {
    db?.close()
  }
}
