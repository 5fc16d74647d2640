import { X509Certificate } from 'node:crypto'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { exists } from '../disk/exists.ts'
import { finishDirectory, UNFINISHED } from '../disk/files.ts'
import { withLock } from '../disk/lock.ts'
import { identityFiles } from './identity-files.ts'
import { readIssued } from './issued.ts'
import type { Layout } from './layout.ts'

/** Runs `work` while nobody else changes the directory, after tidying up what a crash has left behind. */
export function change<T>(layout: Layout, work: () => Promise<T>): Promise<T> {
  return withLock(layout.lock, async () => {
    await settle(layout, layout.directory)
    await settle(layout, layout.devices)
    return work()
  })
}

/** Completes an unfinished directory whose certificate is in the ledger, and deletes whatever else is unfinished. */
async function settle(layout: Layout, parent: string): Promise<void> {
  if (!exists(parent)) return
  for (const entry of await readdir(parent)) {
    if (!entry.startsWith(UNFINISHED)) continue
    const unfinished = join(parent, entry)
    if (await isRecorded(layout, unfinished))
      await finishDirectory(join(parent, entry.slice(UNFINISHED.length)))
    else await rm(unfinished, { recursive: true })
  }
}

async function isRecorded(layout: Layout, directory: string): Promise<boolean> {
  const { certificate } = identityFiles(directory)
  if (!exists(layout.authority.ledger) || !exists(certificate)) return false
  const serialNumber = serialIn(await readFile(certificate))
  return (await readIssued(layout)).some(({ serial }) => serial === serialNumber)
}

/** Undefined for what a full disk has cut off. */
function serialIn(pem: Buffer): string | undefined {
  try {
    return new X509Certificate(pem).serialNumber
  } catch {
    return undefined
  }
}
