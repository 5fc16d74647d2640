import { finishDirectory, PRIVATE_FILE, PUBLIC_FILE, prepareDirectory } from '../disk/files.ts'
import { UsageError } from '../errors.ts'
import { change } from './change.ts'
import { GATEWAY_ID } from './device-id.ts'
import { devicesIn } from './device-states.ts'
import {
  authoritiesInForce,
  fingerprintOf,
  type InForce,
  isFrom,
  newestOf,
  readRotation,
} from './in-force.ts'
import { readIssued } from './issued.ts'
import { openLayout } from './layout.ts'
import { appendToLedger, type IssuedEntry, readRotations } from './ledger.ts'
import { completeRotation } from './rotation-steps.ts'
import { CLOCK_SKEW_MS } from './validity.ts'

// A CA is replaced in two steps, with both CAs in force in between. A step counts as done once its line is in the ledger; what
// a crash leaves undone after that is completed by the next change of the directory.

/** A device that a finished rotation locks out. */
export interface LeftBehind {
  /** WoTT ID. */
  readonly id: string
  /** `unconfirmed`: a certificate of the new CA was issued, but never shown by the device, so the answer may have been lost. */
  readonly why: 'unmoved' | 'unconfirmed'
}

/** A CA in use. */
export interface AuthorityStatus {
  /** CN of its subject. */
  readonly name: string
  /** SHA-256 of the certificate in DER, lower-case hexadecimal. */
  readonly fingerprint: string
  /** In milliseconds since the Unix epoch. */
  readonly notAfter: number
  /** `leaving` signed the gateway's certificate and is about to be replaced. */
  readonly role: 'only' | 'leaving' | 'new'
  /** Active devices whose last certificate it issued. */
  readonly devices: number
}

/** The CAs in use, and the devices that keep a replacement from being finished. */
export interface CaStatus {
  readonly authorities: readonly AuthorityStatus[]
  /** Empty while no CA is being replaced. */
  readonly leftBehind: readonly LeftBehind[]
}

/** Puts a second CA in force, which signs certificates of devices from now on. Resolves with its fingerprint. */
export async function startRotation(directory: string, now = Date.now()): Promise<string> {
  const layout = openLayout(directory)
  return change(layout, async () => {
    if (await readRotation(layout))
      throw new UsageError(
        `the CA in ${directory} is already being replaced: "wott-gateway ca status" shows which devices have moved, and "wott-gateway ca rotate --finish" removes the old CA`,
      )
    const [current] = await authoritiesInForce(layout)
    const { next, ledger } = layout.authority
    const { createAuthority } = await import('./authority.ts')
    const { certificate, key } = await createAuthority({
      commonName: nameAfter(current),
      notBefore: now - CLOCK_SKEW_MS,
    })
    await prepareDirectory(next.directory, [
      { path: next.certificate, text: certificate, mode: PUBLIC_FILE },
      { path: next.key, text: key, mode: PRIVATE_FILE },
    ])
    const issuer = fingerprintOf(certificate)
    await note(ledger, 'rotation-started', { issuer, replaces: current.fingerprint }, now)
    await finishDirectory(next.directory)
    await completeRotation(layout, now)
    return issuer
  })
}

/**
 * Takes the old CA out of force and deletes its key. Rejects with `UsageError` if that locks out an active device, unless
 * forced. Resolves with the devices that are locked out.
 */
export async function finishRotation(
  directory: string,
  { force = false, now = Date.now() }: { readonly force?: boolean; readonly now?: number } = {},
): Promise<readonly LeftBehind[]> {
  const layout = openLayout(directory)
  return change(layout, async () => {
    const rotation = await readRotation(layout)
    if (!rotation) {
      // there was a crash after the line in the ledger, and `change` has just completed the step
      const last = (await readRotations(layout.authority.ledger)).at(-1)
      if (last?.event === 'rotation-finished') return []
      throw new UsageError(
        `the CA in ${directory} is not being replaced: start with "wott-gateway ca rotate"`,
      )
    }
    const { next, replaces } = rotation
    const left = leftBehind(await readIssued(layout), next, now)
    if (left.length > 0 && !force) throw new UsageError(refusal(left))
    const issuer = next.fingerprint
    await note(layout.authority.ledger, 'rotation-finished', { issuer, replaces }, now)
    await completeRotation(layout, now)
    return left
  })
}

/** What `wott-gateway ca status` prints. */
export async function caStatus(directory: string, now = Date.now()): Promise<CaStatus> {
  const layout = openLayout(directory)
  const issued = await readIssued(layout)
  const authorities = await authoritiesInForce(layout)
  const active = (await devicesIn(layout, now)).filter(({ state }) => state === 'active')
  const last = active.map(({ id }) => issued.findLast((entry) => entry.id === id))
  const isAlone = authorities.length === 1
  return {
    authorities: authorities.map((authority, n) => ({
      name: nameOf(authority),
      fingerprint: authority.fingerprint,
      notAfter: authority.certificate.validToDate.getTime(),
      role: isAlone ? 'only' : n === 0 ? 'leaving' : 'new',
      devices: last.filter((entry) => entry && isFrom(entry, authority)).length,
    })),
    leftBehind: isAlone ? [] : leftBehind(issued, newestOf(authorities), now),
  }
}

/** Devices with a valid certificate, but none of `next` that they are known to have received. */
function leftBehind(issued: readonly IssuedEntry[], next: InForce, now: number): LeftBehind[] {
  const good = issued.filter(
    ({ id, revokedAt, notAfter }) => id !== GATEWAY_ID && revokedAt === null && notAfter > now,
  )
  const old = new Set(good.filter((entry) => !isFrom(entry, next)).map(({ id }) => id))
  return [...old].flatMap((id): LeftBehind[] => {
    const moved = good.filter((entry) => entry.id === id && isFrom(entry, next))
    if (moved.some(hasArrived)) return []
    return [{ id, why: moved.length === 0 ? 'unmoved' : 'unconfirmed' }]
  })
}

/** Files that a person carries have arrived; an answer over the network may be lost until the device shows the certificate. */
function hasArrived({ via, presentedAt }: IssuedEntry): boolean {
  const isCarried = via === null || via === 'init' || via === 'add' || via === 'renew'
  return isCarried || presentedAt !== null
}

const MOST_NAMED = 20

function refusal(left: readonly LeftBehind[]): string {
  const lines = left
    .slice(0, MOST_NAMED)
    .map(({ id, why }) =>
      why === 'unmoved'
        ? `  ${id} has only a certificate of the old CA`
        : `  ${id} was issued a certificate of the new CA, but has not used it on the enrol door yet`,
    )
  const more = left.length - lines.length
  return [
    `${left.length} active ${left.length === 1 ? 'device' : 'devices'} could no longer connect:`,
    ...lines,
    ...(more > 0 ? [`  and ${more} more (see "wott-gateway ca status")`] : []),
    '  Devices that renew their own certificate move at the next renewal. For others, "wott-gateway device renew NAME" makes new files. Revoke devices that are no longer used. --force finishes anyway',
  ].join('\n')
}

function note(
  ledger: string,
  event: 'rotation-started' | 'rotation-finished',
  authorities: { readonly issuer: string; readonly replaces: string },
  now: number,
): Promise<void> {
  return appendToLedger(ledger, [{ event, time: new Date(now).toISOString(), ...authorities }])
}

function nameOf({ certificate }: InForce): string {
  return [certificate.toLegacyObject().subject.CN ?? ''].flat().join(' ')
}

/** A new name, so that programs that find a CA by its subject find the right one. */
function nameAfter(authority: InForce): string {
  const [, base = '', count = '1'] = /^(.*?)(?: (\d{1,6}))?$/.exec(nameOf(authority)) ?? []
  return `${base} ${Number(count) + 1}`
}
