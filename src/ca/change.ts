import { X509Certificate } from 'node:crypto'
import { readdir, readFile, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { exists } from '../disk/exists.ts'
import { finishDirectory, UNFINISHED_PREFIX } from '../disk/files.ts'
import { withLock } from '../disk/lock.ts'
import { identityFiles } from './identity-files.ts'
import { fingerprintOf } from './in-force.ts'
import { readIssued } from './issued.ts'
import type { Layout } from './layout.ts'
import { readRotations } from './ledger.ts'

/** Runs `work` while nobody else changes the directory, after tidying up what a crash has left behind. */
export function change<T>(layout: Layout, work: () => Promise<T>): Promise<T> {
  return withLock(layout.lock, async () => {
    await settle(layout, layout.directory)
    await settle(layout, layout.devices)
    await settleRotation(layout)
    return work()
  })
}

/**
 * Completes an unfinished directory whose certificate is in the ledger, and deletes every other one. Files are left alone: another
 * command may be about to rename one, under a lock of its own, and `replaceFile` deletes what a crash has left.
 */
async function settle(layout: Layout, parent: string): Promise<void> {
  if (!exists(parent)) return
  for (const entry of await readdir(parent, { withFileTypes: true })) {
    if (!entry.isDirectory() || !entry.name.startsWith(UNFINISHED_PREFIX)) continue
    const unfinished = join(parent, entry.name)
    if (await isRecorded(layout, unfinished))
      await finishDirectory(join(parent, entry.name.slice(UNFINISHED_PREFIX.length)))
    else await rm(unfinished, { recursive: true })
  }
}

async function settleRotation(layout: Layout): Promise<void> {
  const { next, ledger } = layout.authority
  const unfinished = join(dirname(next.directory), UNFINISHED_PREFIX + basename(next.directory))
  if (exists(unfinished)) {
    const fingerprint = await readFile(join(unfinished, basename(next.certificate)), 'utf8')
      .then(fingerprintOf)
      .catch(() => null)
    if ((await readRotations(ledger)).some(({ issuer }) => issuer === fingerprint))
      await finishDirectory(next.directory)
    else await rm(unfinished, { recursive: true })
  }
  if (!exists(next.directory)) return
  const { completeRotation } = await import('./rotation-steps.ts')
  await completeRotation(layout, Date.now())
}

async function isRecorded(layout: Layout, directory: string): Promise<boolean> {
  const { certificate } = identityFiles(directory)
  if (!exists(layout.authority.ledger) || !exists(certificate)) return false
  const serialNumber = serialIn(await readFile(certificate))
  return (await readIssued(layout)).some(({ serial }) => serial === serialNumber)
}

/** Undefined for a file that a full disk has cut off. */
function serialIn(pem: Buffer): string | undefined {
  try {
    return new X509Certificate(pem).serialNumber
  } catch {
    return undefined
  }
}
