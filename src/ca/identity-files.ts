import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { exists } from '../disk/exists.ts'
import { type NewFile, PRIVATE_FILE, PUBLIC_FILE, replaceFile } from '../disk/files.ts'
import { UsageError } from '../errors.ts'

/** Where one identity's files are, in the WoTT agent's layout. */
export interface IdentityFiles {
  readonly directory: string
  /** The authority's certificate. */
  readonly ca: string
  readonly certificate: string
  readonly key: string
  /** Key and certificate in one file, in the agent's order: for `curl --cert`, HAProxy and Ghostunnel. */
  readonly combined: string
}

/** The paths of the files of an identity in `directory`. */
export function identityFiles(directory: string): IdentityFiles {
  return {
    directory,
    ca: join(directory, 'ca.crt'),
    certificate: join(directory, 'client.crt'),
    key: join(directory, 'client.key'),
    combined: join(directory, 'combined.pem'),
  }
}

interface Pair {
  readonly certificate: string
  readonly key: string
}

/** The contents and modes of all files of an identity; the texts are PEM. */
export function identityContents(files: IdentityFiles, authority: string, pair: Pair): NewFile[] {
  return [
    { path: files.ca, text: authority, mode: PUBLIC_FILE },
    { path: files.certificate, text: pair.certificate, mode: PUBLIC_FILE },
    { path: files.key, text: pair.key, mode: PRIVATE_FILE },
    combinedContents(files, pair),
  ]
}

/** Without the authority's certificate: a chain may leave out its root (RFC 5246 §7.4.2). */
export function combinedContents(files: IdentityFiles, { certificate, key }: Pair): NewFile {
  return { path: files.combined, text: key + certificate, mode: PRIVATE_FILE }
}

/** Restores the files that a directory has lost, as far as the others allow; resolves with their paths. */
export async function repairIdentity(files: IdentityFiles, authority: string): Promise<string[]> {
  const lost = [files.key, files.certificate].filter((path) => !exists(path))
  if (lost.length > 0)
    throw new UsageError(
      `${files.directory} is incomplete: restore ${lost.join(' and ')}, or delete the directory and run init again`,
    )
  const [key, certificate] = await Promise.all([
    readFile(files.key, 'utf8'),
    readFile(files.certificate, 'utf8'),
  ])
  const missing = identityContents(files, authority, { certificate, key }).filter(
    ({ path }) => !exists(path),
  )
  for (const file of missing) await replaceFile(file)
  return missing.map(({ path }) => path)
}
