import { X509Certificate } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { type IdentityFiles, identityContents } from '../../src/ca/identity-files.ts'
import { issue } from '../../src/ca/issue.ts'
import { openAuthority, recordIssued } from '../../src/ca/signing.ts'
import type { EnrolSite } from '../enrol/site.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'

export const DAY_MS = 86_400_000
/** The lifetime of the certificates. */
export const DAYS = 30

const ACL =
  'user kitchen.d.wott.local\ntopic readwrite kitchen/#\ntopic readwrite cmd/kitchen.d.wott.local/#\n'

/** Starts a gateway with the site's CA, where the kitchen may publish and read `kitchen/#` and its commands. */
export function startService({ layout }: EnrolSite): Promise<TestGateway> {
  const { authority, certs } = layout
  const settings = { certsDir: certs.directory, crlFile: authority.crl }
  return startGateway({ acl: ACL, settings })
}

/** The SHA-256 fingerprint of the CA certificate, as OpenSSL prints it. */
export function fingerprintOf({ ca }: EnrolSite): string {
  return new X509Certificate(ca).fingerprint256
}

/** The arguments of `wott-device enrol` for a new invite. */
export async function lineFor(site: EnrolSite, name: string): Promise<string[]> {
  return [site.url, name, await site.invite(name), fingerprintOf(site)]
}

/** Puts a certificate into a folder that seems issued `age` milliseconds ago, and returns its serial number. */
export async function equip(
  { layout, url }: Pick<EnrolSite, 'layout' | 'url'>,
  files: IdentityFiles,
  id: string,
  age: number,
): Promise<string> {
  const issuedAt = Date.now() - age
  const authority = await openAuthority(layout)
  const pair = await issue(authority, { commonName: id, days: DAYS, notBefore: issuedAt })
  await recordIssued(layout, { id, via: 'invite' }, pair, issuedAt)
  await mkdir(files.directory, { recursive: true })
  for (const { path, text, mode } of identityContents(files, authority.certificate, pair))
    await writeFile(path, text, { mode })
  await writeFile(`${files.directory}/wott-device.conf`, `url=${url}\n`)
  return pair.serial
}
