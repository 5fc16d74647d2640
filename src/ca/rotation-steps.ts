import { readdir, readFile, rm } from 'node:fs/promises'
import { exists } from '../disk/exists.ts'
import { PRIVATE_FILE, PUBLIC_FILE, replaceFile, syncDirectory } from '../disk/files.ts'
import { ensureCrl } from './crl-file.ts'
import { sha256 } from './fingerprints.ts'
import { certificatesIn, fingerprintOf, type Rotation, readRotation } from './in-force.ts'
import { readIssued } from './issued.ts'
import { deviceFiles, type Layout } from './layout.ts'
import { gatewayIdentity } from './own-identities.ts'
import { namesOf, readOwn } from './read-certificate.ts'

/**
 * Brings the files into the state of rotation that the ledger says. Every step can be repeated, so this also recovers from a
 * crash. Call it under the directory's lock.
 */
export async function completeRotation(layout: Layout, now: number): Promise<void> {
  const rotation = await readRotation(layout)
  if (rotation?.state === 'started') await completeStart(layout, rotation, now)
  if (rotation?.state === 'finished') await completeFinish(layout, rotation, now)
}

async function completeStart(layout: Layout, rotation: Rotation, now: number): Promise<void> {
  const { certificate } = layout.authority
  // this file is written last, so everything before it is done
  if ((await readFile(certificate, 'utf8')).includes(rotation.next.pem.trim())) return
  // the list first: without a list of their CA, all its devices are refused
  await ensureCrl(layout, await readIssued(layout), now)
  for (const file of [...(await trustFiles(layout)), certificate]) await changeTrust(file, rotation)
}

async function completeFinish(layout: Layout, rotation: Rotation, now: number): Promise<void> {
  const { authority } = layout
  const { next } = rotation
  // while the old CA is still trusted: nobody accepts a gateway whose certificate is from neither CA in force
  await moveGateway(layout, rotation, now)
  for (const file of await trustFiles(layout)) await changeTrust(file, rotation)
  await ensureCrl(layout, await readIssued(layout), now)
  await replaceFile({ path: authority.certificate, text: next.pem, mode: PUBLIC_FILE })
  // overwrites the old key, so that nobody can sign with it any more
  const key = await readFile(authority.next.key, 'utf8')
  await replaceFile({ path: authority.key, text: key, mode: PRIVATE_FILE })
  await rm(authority.next.directory, { recursive: true })
  await syncDirectory(authority.directory)
}

/** The files from which the gateway, and devices whose files are here, read which CAs to trust. */
async function trustFiles({ certs, devices, ...layout }: Layout): Promise<string[]> {
  const names = exists(devices) ? await readdir(devices) : []
  const ofDevices = names.map((name) => deviceFiles({ certs, devices, ...layout }, name).ca)
  return [certs.ca, ...ofDevices].filter(exists)
}

/** Adds the new CA to a file that has the old one, or removes the old one; CAs of others stay. */
async function changeTrust(path: string, { state, next, replaces }: Rotation): Promise<void> {
  const before = await readFile(path, 'utf8')
  const pems = certificatesIn(before)
  const isKnown = (fingerprint: string) => pems.some((pem) => fingerprintOf(pem) === fingerprint)
  if (!isKnown(replaces)) return
  const kept = pems.filter((pem) => state === 'started' || fingerprintOf(pem) !== replaces)
  const after = [...kept, ...(isKnown(next.fingerprint) ? [] : [next.pem])].join('')
  if (after !== before) await replaceFile({ path, text: after, mode: PUBLIC_FILE })
}

/** Issues the gateway's certificate again, unless another authority issued it. */
async function moveGateway(layout: Layout, { next }: Rotation, now: number): Promise<void> {
  const gateway = gatewayIdentity(layout)
  if (!exists(gateway.files.certificate) || !exists(gateway.files.key)) return
  const certificate = await readOwn(gateway.files)
  const fingerprint = sha256(certificate.raw)
  const held = (await readIssued(layout)).find(
    (entry) =>
      entry.fingerprint === fingerprint ||
      (entry.fingerprint === null && entry.serial === certificate.serialNumber),
  )
  if (!held || held.issuer === next.fingerprint || held.revokedAt !== null) return
  const { renewIdentityDirectory } = await import('./signing.ts')
  const renewed = { ...gateway, names: namesOf(certificate), via: 'renew' } as const
  await renewIdentityDirectory(layout, gateway.files, renewed, now)
}
