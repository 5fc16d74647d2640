import { readFile } from 'node:fs/promises'
import { whyUnreadable } from '../errors.ts'
import { ConnectFailure } from './failure.ts'

/** The gateway's credentials for the other broker, and the CA that it verifies the broker with. */
export interface Credentials {
  readonly username?: string
  readonly password?: string
  /** PEM. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

/** Called before each connection. Rejects if a file cannot be read. */
export type ReadCredentials = () => Promise<Credentials>

/** The files with the credentials; they may change at any time. */
export interface CredentialFiles {
  readonly username: string | undefined
  readonly passwordFile: string | undefined
  readonly caFile: string | undefined
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
}

/** Reads them as they are now; rejects with a ConnectFailure that names the file. */
export async function readCredentials(files: CredentialFiles): Promise<Credentials> {
  const { username } = files
  const [password, ca, cert, key] = await Promise.all(
    [files.passwordFile, files.caFile, files.certFile, files.keyFile].map(textOf),
  )
  return {
    ...(username === undefined ? {} : { username }),
    // editors end a file with a line break, which is not part of the password
    ...(password === undefined ? {} : { password: password.replace(/\r?\n$/, '') }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
}

async function textOf(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new ConnectFailure('failed', `${file}: ${whyUnreadable(error)}`, error)
  }
}
