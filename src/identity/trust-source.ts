import type { X509Certificate } from 'node:crypto'
import { unwatchFile, watchFile } from 'node:fs'
import type { Meter, Validity } from '../metrics/meter.ts'
import { loadTrust, type RevocationList, type Trust, type TrustFiles } from './trust.ts'

/** The trust in force, and word of each change. */
export interface TrustSource {
  readonly current: Trust
  /** Why nobody can connect however good his certificate is; null when that is not so. */
  problem(): string | null
  onChange(listener: (trust: Trust) => void): void
  /** Reads the files again; what cannot be used is reported, and the old trust stays in force. */
  reload(): Promise<void>
  close(): void
}

export interface TrustOptions {
  readonly meter: Meter
  readRevocations(pem: string): RevocationList
  onReload(problem: Error | null): void
  /** How often the files are looked at, in milliseconds. */
  readonly watchInterval?: number
}

/** Loads the trust files and follows them, in place or renamed into place, without dropping a connection. */
export async function openTrust(files: TrustFiles, options: TrustOptions): Promise<TrustSource> {
  const { meter, readRevocations, onReload, watchInterval = 1000 } = options
  const listeners: ((trust: Trust) => void)[] = []
  let current = await loadTrust(files, readRevocations)
  measure(current, meter)

  let reloading: Promise<void> | null = null
  let again = false
  function reload(): Promise<void> {
    again = true
    reloading ??= run().finally(() => {
      reloading = null
    })
    return reloading
  }

  async function run(): Promise<void> {
    while (again) {
      again = false
      try {
        current = await loadTrust(files, readRevocations)
      } catch (error) {
        // a certificate and its key are two files: between their two writes they do not match
        onReload(error as Error)
        continue
      }
      measure(current, meter)
      for (const listener of listeners) listener(current)
      onReload(null)
    }
  }

  const watched = [files.caFile, files.certFile, files.keyFile, files.crlFile].filter(
    (file) => file !== undefined,
  )
  const changed = () => void reload()
  for (const file of watched)
    watchFile(file, { interval: watchInterval, persistent: false }, changed)

  return {
    get current() {
      return current
    },
    problem: () => problemOf(current, Date.now()),
    onChange(listener) {
      listeners.push(listener)
    },
    reload,
    close() {
      for (const file of watched) unwatchFile(file, changed)
    },
  }
}

function measure({ certificate, authority, revocations }: Trust, meter: Meter): void {
  meter.certificateValid('server', validityOf(certificate))
  meter.certificateValid('ca', validityOf(authority))
  meter.certificateValid(
    'crl',
    revocations && { from: revocations.thisUpdate, to: revocations.nextUpdate },
  )
}

function problemOf({ certificate, revocations }: Trust, now: number): string | null {
  const { from, to } = validityOf(certificate)
  if (now < from) return `the gateway's certificate is not valid before ${certificate.validFrom}`
  if (now >= to) return `the gateway's certificate was valid until ${certificate.validTo}`
  if (revocations && now >= revocations.nextUpdate)
    return `the revocation list should have been renewed by ${new Date(revocations.nextUpdate).toUTCString()}, and no device is let in without`
  return null
}

function validityOf({ validFrom, validTo }: X509Certificate): Validity {
  return { from: Date.parse(validFrom), to: Date.parse(validTo) }
}
