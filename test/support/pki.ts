import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Authority, createAuthority } from '../../src/ca/authority.ts'
import { createCrl } from '../../src/ca/crl.ts'
import { type Issued, type IssueOptions, issue } from '../../src/ca/issue.ts'

/** The files of one certificate, in the WoTT agent's layout. */
export interface Credentials extends Omit<Issued, 'issuer'> {
  readonly directory: string
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
  readonly ca: string
}

export interface Pki {
  readonly directory: string
  readonly authority: Authority
  readonly crlFile: string
  /** Issues a certificate from the device CA, or from a CA unknown to the gateway, and writes the files. */
  issue(name: string, options?: Partial<IssueOptions>, by?: Authority): Promise<Credentials>
  /** Writes a revocation list with these serial numbers. */
  revoke(...serials: string[]): Promise<void>
}

/** A device CA in `directory`. */
export async function createPki(directory: string): Promise<Pki> {
  const authority = await createAuthority()
  const crlFile = join(directory, 'crl.pem')

  async function revoke(...serials: string[]): Promise<void> {
    const revoked = new Map(serials.map((serial) => [serial, Date.now()]))
    await writeFile(crlFile, await createCrl(authority, { revoked }))
  }

  await mkdir(directory, { recursive: true })
  await revoke()
  return {
    directory,
    authority,
    crlFile,
    revoke,
    async issue(name, options = {}, by = authority) {
      const issued = await issue(by, { commonName: name, days: 1, ...options })
      const folder = join(directory, name)
      await mkdir(folder, { recursive: true })
      const file = (base: string) => join(folder, base)
      const ca = authority.certificate
      await Promise.all([
        writeFile(file('ca.crt'), ca),
        writeFile(file('client.crt'), issued.certificate),
        writeFile(file('client.key'), issued.key),
      ])
      return {
        ...issued,
        ca,
        directory: folder,
        caFile: file('ca.crt'),
        certFile: file('client.crt'),
        keyFile: file('client.key'),
      }
    },
  }
}
