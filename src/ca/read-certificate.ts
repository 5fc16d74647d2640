import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { UsageError } from '../errors.ts'

/** The certificate in a PEM file. Rejects with `UsageError` that ends in `advice` when there is none. */
export async function readCertificate(
  path: string,
  advice = 'put a copy of the file back',
): Promise<X509Certificate> {
  const pem = await readFile(path)
  try {
    return new X509Certificate(pem)
  } catch (error) {
    throw new UsageError(`${path}: there is no PEM certificate in this file; ${advice}`, {
      cause: error,
    })
  }
}
