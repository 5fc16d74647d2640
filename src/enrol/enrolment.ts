import { change } from '../ca/change.ts'
import { GATEWAY_ID } from '../ca/device-id.ts'
import { certify } from '../ca/issue.ts'
import { openLayout } from '../ca/layout.ts'
import { appendToLedger, certificateOf, type IssuedEntry } from '../ca/ledger.ts'
import type { AuditLine, Via } from '../ca/ledger-line.ts'
import { readCsr } from '../ca/read-csr.ts'
import { openAuthority, recordIssued } from '../ca/signing.ts'
import { CLOCK_SKEW_MS } from '../ca/validity.ts'
import { messageOf } from '../errors.ts'
import { createLogLimit } from '../log/log-limit.ts'
import { tidyBook } from './book.ts'
import { ensureSecret, readEnrolBook, writeEnrolBook } from './book-file.ts'
import { decideEnrolment } from './decide.ts'
import type { Decision, EnrolRefusal, EnrolRequest, EnrolState } from './decision.ts'
import { createIssuedReader } from './issued-now.ts'
import { isShown, type ShownCertificate, shownBy } from './standing.ts'
import { claimToken, fallbackToken, hashOfToken } from './tokens.ts'

/** A device's new certificate, and what its agent keeps beside it. */
export interface Enrolled {
  readonly kind: 'issued'
  readonly id: string
  readonly via: Via
  /** PEM. */
  readonly certificate: string
  readonly serial: string
  /** In milliseconds since the Unix epoch. */
  readonly notAfter: number
  readonly claimToken: string
  readonly fallbackToken: string
}

export type EnrolOutcome = Enrolled | Exclude<Decision, { readonly kind: 'issue' }>

export interface RawEnrolRequest extends Omit<EnrolRequest, 'csr'> {
  /** In DER; null where its text is neither base64 nor PEM. */
  readonly csr: Buffer | null
}

export interface EnrolmentOptions {
  /** Life of the certificates, in days; fractions are for tests. */
  readonly days: number
  /** Whether keys without a credential may wait for approval. */
  readonly acceptsUninvited: boolean
  readonly now?: () => number
}

/** Issues certificates over the network, from a directory that `init` made. */
export interface Enrolment {
  /** Decides about a request. A certificate is in the ledger before it is returned. */
  enrol(asked: RawEnrolRequest): Promise<EnrolOutcome>
  /**
   * The ledger's entry of a certificate, PEM, that the CA has signed; undefined for any other. Notes that its device has
   * shown it.
   */
  present(certificate: string, address: string): Promise<IssuedEntry | undefined>
  /** The WoTT ID of an invite; undefined when no invite has this token. */
  nameOf(token: string): Promise<string | undefined>
  /** How many keys wait for approval. */
  waiting(): Promise<number>
  /** The token that the WoTT agent shows to the person who claims the device. */
  claimTokenOf(id: string): string
}

/** Refusals without a proven name that go into the ledger per minute: anybody can cause them. */
const REFUSED_LINES = 10

/** Rejects with `UsageError` where the directory cannot be used to sign. */
export async function openEnrolment(
  directory: string,
  { days, acceptsUninvited, now = Date.now }: EnrolmentOptions,
): Promise<Enrolment> {
  const layout = openLayout(directory)
  const secret = await change(layout, () => ensureSecret(layout))
  await openAuthority(layout)
  const readAll = createIssuedReader(layout)
  await readState()
  const logLimited = createLogLimit()

  async function readState(): Promise<EnrolState> {
    const [book, issued] = await Promise.all([readEnrolBook(layout), readAll()])
    return { book: tidyBook(book, now()), issued, secret, acceptsUninvited }
  }

  /** Call it under the directory's lock. */
  async function notePresented(held: IssuedEntry | undefined, address: string): Promise<void> {
    if (!held || held.id === GATEWAY_ID || held.presentedAt !== null) return
    const time = new Date(now()).toISOString()
    const line = { event: 'presented', time, ...certificateOf(held), address } as const
    await appendToLedger(layout.authority.ledger, [line])
  }

  async function audit(line: Omit<AuditLine, 'time'>): Promise<void> {
    const time = new Date(now()).toISOString()
    await appendToLedger(layout.authority.ledger, [{ ...line, time }])
  }

  async function auditRefusal({ id, reason }: EnrolRefusal, address: string): Promise<void> {
    const slot =
      id === null ? `${Math.floor(Math.random() * REFUSED_LINES)} of strangers` : `${id} ${reason}`
    let isDue = false
    logLimited(slot, () => {
      isDue = true
    })
    if (!isDue) return
    const line = { event: 'refused', reason, address } as const
    await change(layout, () => audit(id === null ? line : { ...line, id }))
  }

  return {
    async enrol(asked) {
      const { address } = asked
      if (asked.csr === null) return invalid('it must be base64 or PEM')
      const csr = await readCsr(asked.csr).catch((error: unknown) => messageOf(error))
      if (typeof csr === 'string') return invalid(csr)
      const request = { ...asked, csr }
      // decided without the lock first, so that refused requests do not make others wait
      const first = decideEnrolment(request, await readState(), now())
      if (first.kind === 'wait' && !first.isNew) return first
      if (first.kind === 'refuse') {
        await auditRefusal(first, address)
        return first
      }
      return change(layout, async () => {
        const state = await readState()
        const decision = decideEnrolment(request, state, now())
        if (decision.kind === 'refuse') return decision
        if (decision.book !== state.book) await writeEnrolBook(layout, decision.book)
        if (decision.kind === 'wait') {
          await audit({ event: 'waiting', key: csr.key, address })
          return decision
        }
        const { id, via, held } = decision
        await notePresented(held, address)
        const authority = await openAuthority(layout)
        const certified = await certify(authority, csr.publicKey, {
          commonName: id,
          days,
          notBefore: now() - CLOCK_SKEW_MS,
        })
        await recordIssued(layout, { id, via, address }, certified, now())
        return {
          kind: 'issued',
          id,
          via,
          ...certified,
          claimToken: claimToken(secret, id),
          fallbackToken: fallbackToken(secret, certified.serial),
        }
      })
    },

    async present(certificate, address) {
      const shown = shownBy(certificate)
      const held = findShown(await readAll(), shown)
      if (held?.presentedAt === null)
        await change(layout, async () => notePresented(findShown(await readAll(), shown), address))
      return held
    },

    async nameOf(token) {
      const hash = hashOfToken(token)
      return (await readState()).book.invites.find(({ tokenHash }) => tokenHash === hash)?.id
    },

    async waiting() {
      const { keys } = tidyBook(await readEnrolBook(layout), now())
      return keys.filter(({ state }) => state.kind === 'waiting').length
    },

    claimTokenOf: (id) => claimToken(secret, id),
  }
}

function findShown(
  issued: readonly IssuedEntry[],
  shown: ShownCertificate,
): IssuedEntry | undefined {
  return issued.find((one) => isShown(one, shown))
}

function invalid(problem: string): EnrolRefusal {
  return {
    kind: 'refuse',
    reason: 'csr_invalid',
    detail: `The certificate signing request is not valid: ${problem}.`,
    id: null,
  }
}
