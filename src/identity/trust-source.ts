import { stateOfAll } from '../disk/state.ts'
import { type WatchedFile, watchFile } from '../disk/watched-file.ts'
import type { Meter, Validity } from '../metrics/meter.ts'
import { type DeviceTrust, loadDeviceTrust, loadTrust, type Trust } from './trust.ts'
import type { AuthorityFiles, TrustFiles } from './trust-files.ts'
import { fatalProblem } from './trust-problems.ts'

/** The trust in force, and its changes. */
export interface TrustSource extends Pick<WatchedFile, 'failure' | 'reload' | 'close'> {
  readonly current: Trust
  onChange(listener: (trust: Trust) => void): void
}

export interface TrustOptions {
  readonly meter: Meter
  /** Called after each reload: with null, or with the error because of which the old trust stays in force. */
  onReload(problem: Error | null): void
  /** Called when no device at all can connect, with the reason, and with null when that is over. */
  onUseless?(problem: string | null): void
  /** Called for every failed reload, even with the same error again. */
  readonly onFailure?: (error: unknown) => void
  /** How often the files are looked at, in milliseconds. */
  readonly watchIntervalMs?: number
}

/** Loads the trust files and follows them, in place or renamed into place, without dropping a connection. */
export async function openTrust(files: TrustFiles, options: TrustOptions): Promise<TrustSource> {
  const { meter, onReload, onUseless = () => {}, watchIntervalMs = 1000 } = options
  const listeners: ((trust: Trust) => void)[] = []
  const loaded = await stateOfFiles(files)
  let current = await loadTrust(files)
  let useless: string | null = null
  let failed: string | null = null
  measure(current, meter)
  sayIfUseless()

  async function load(asked: boolean): Promise<void> {
    try {
      current = await loadTrust(files)
    } catch (error) {
      // a certificate and its key are two files: between their two writes they do not match
      const { message } = error as Error
      if (asked || message !== failed) onReload(error as Error)
      failed = message
      throw error
    }
    failed = null
    measure(current, meter)
    for (const listener of listeners) listener(current)
    onReload(null)
  }

  /** Also without a change of the files, since certificates expire. */
  function sayIfUseless(): void {
    const now = fatalProblem(current, Date.now())
    if (now !== useless) onUseless(now)
    useless = now
  }

  const watched = watchFile({
    load,
    loaded,
    intervalMs: watchIntervalMs,
    onChecked: sayIfUseless,
    state: () => stateOfFiles(files),
    onFailure: options.onFailure,
  })
  return {
    get current() {
      return current
    },
    onChange(listener) {
      listeners.push(listener)
    },
    failure: watched.failure,
    reload: watched.reload,
    close: watched.close,
  }
}

/** What devices are verified by, where the gateway has no certificate of its own. */
export interface DeviceTrustSource extends Pick<WatchedFile, 'reloadIfChanged' | 'failure'> {
  readonly current: DeviceTrust
}

/** Loads the CA and revocation lists that devices are verified by. `reloadIfChanged` reads them again if they have changed. */
export async function openDeviceTrust(
  files: AuthorityFiles,
  onReload: TrustOptions['onReload'],
): Promise<DeviceTrustSource> {
  const state = () => stateOfFiles(files)
  const loaded = await state()
  let current = await loadDeviceTrust(files)
  async function load(): Promise<void> {
    current = await loadDeviceTrust(files)
    onReload(null)
  }
  const onFailure = (error: unknown) => onReload(error as Error)
  const { reloadIfChanged, failure } = watchFile({
    state,
    load,
    loaded,
    onFailure,
    intervalMs: null,
  })
  return {
    get current() {
      return current
    },
    reloadIfChanged,
    failure,
  }
}

async function stateOfFiles(files: AuthorityFiles & Partial<TrustFiles>): Promise<string> {
  const paths = [files.caFile, files.certFile, files.keyFile, files.crlFile]
  const states = await Promise.all(
    paths.filter((path) => path !== undefined).map((path) => stateOfAll(path)),
  )
  return states.join('\n')
}

function measure({ certificate, authorities, revocations }: Trust, meter: Meter): void {
  const { notBefore: from, notAfter: to } = certificate
  meter.certificateValid('server', { from, to })
  meter.certificateValid(
    'ca',
    firstToEnd(
      authorities.all.map(({ notBefore, notAfter }) => ({ from: notBefore, to: notAfter })),
    ),
  )
  const lists = revocations?.lists ?? []
  meter.certificateValid(
    'crl',
    firstToEnd(lists.map(({ thisUpdate, nextUpdate }) => ({ from: thisUpdate, to: nextUpdate }))),
  )
}

function firstToEnd(validities: readonly Validity[]): Validity | null {
  return validities.toSorted((a, b) => a.to - b.to)[0] ?? null
}
