import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { UsageError } from '../errors.ts'
import type { IdentityFiles } from './identity-files.ts'

/** The certificate in a PEM file. If there is none, rejects with a `UsageError` whose text ends in `advice`. */
async function readCertificateFile(
  path: string,
  advice = 'restore a copy of the file',
): Promise<X509Certificate> {
  const pem = await readFile(path)
  try {
    return new X509Certificate(pem)
  } catch (error) {
    throw new UsageError(`${path}: this file contains no PEM certificate; ${advice}`, {
      cause: error,
    })
  }
}

/** The certificate of an identity that `init` makes again if its directory is deleted. */
export function readOwn({ certificate, directory }: IdentityFiles): Promise<X509Certificate> {
  return readCertificateFile(
    certificate,
    `restore a copy of it, or delete ${directory} and run "wott-gateway init" again`,
  )
}

/** The names of a certificate that `init` made; they need no quoting in Node's `DNS:localhost, IP Address:127.0.0.1`. */
export function namesOf({ subjectAltName = '' }: X509Certificate): string[] {
  return subjectAltName.split(', ').map((name) => name.replace(/^(?:DNS|IP Address):/, ''))
}
