import { setTimeout as pauseFor } from 'node:timers/promises'
import { stateOf } from '../disk/state.ts'
import { watchFile } from '../disk/watched-file.ts'
import { codeOf, messageOf, UsageError } from '../errors.ts'
import { isSame, parseGently, readAclFile, readSettled } from './acl-file.ts'
import type { AclRules } from './rules.ts'

/** How many `topic` and `pattern` lines are in force now, or why the rules from before still are. */
export type ReloadResult =
  | { readonly ok: true; readonly rules: number }
  /** Each as `FILE:LINE:COLUMN message`, or a sentence about the whole file. */
  | { readonly ok: false; readonly errors: readonly string[] }

/** An ACL file that can be read again. A file with errors leaves the rules from before in use. */
export interface AclSource {
  /** The rules in use: a new object after each change. */
  readonly current: AclRules
  /** Reads the file again now; resolves when its rules are in use, or rejected. */
  reload(): Promise<ReloadResult>
  /** Why the last load failed, so that older rules are in use; null when they are up to date. */
  failure(): string | null
  /** Calls `listener`, which must not throw, after each change of `current`; returns how to stop that. */
  onChange(listener: () => void): () => void
  close(): void
}

/** A source that can be told to check the file. */
export interface AclFile extends AclSource {
  /** Reads the file if it has changed, or could not be read before. */
  reloadIfChanged(): Promise<void>
}

export interface AclOptions {
  /** Whether to reload the file by itself when it changes. */
  readonly watch: boolean
  /** Milliseconds between two checks of the file. */
  readonly intervalMs?: number
  /** How long a file that has lost all its rules must stay so to be believed, in milliseconds. */
  readonly settleMs?: number
  /** Called after every reload, but not after the first load, nor after a check that found no change. */
  readonly onReload: (result: ReloadResult) => void
  /** Called after every failed attempt. */
  readonly onFailure?: (error: unknown) => void
}

/** Loads the file and keeps its rules up to date. Rejects with a UsageError that names every bad line. */
export async function openAcl(path: string, options: AclOptions): Promise<AclFile> {
  const { watch, intervalMs = 500, settleMs = 1000, onReload } = options
  const loaded = await stateOf(path)
  // a property and no getter, because it is read for each message and client
  const inUse = { current: await loadFirst(path) }
  let failed: string | null = null
  let last: ReloadResult = { ok: true, rules: inUse.current.size }
  const listeners = new Set<() => void>()
  const closing = new AbortController()
  const { signal } = closing
  const pause = (ms: number) => pauseFor(ms, undefined, { signal })

  // Mosquitto 2.0 drops its rules first and allows everything if the file turns out bad; here nothing is dropped
  async function load(asked: boolean): Promise<void> {
    let cause: unknown
    const found = await readRules().catch((error: unknown) => {
      cause = error
      return unreadable(path, error)
    })
    if (signal.aborted) return
    if (!found.ok) {
      last = found
      const message = found.errors.join('\n')
      // watchFile tries again
      if (asked || message !== failed) onReload(found)
      failed = message
      throw new Error(firstOf(found.errors), { cause })
    }
    const { rules } = found
    last = { ok: true, rules: rules.size }
    const isNews = rules !== inUse.current || failed !== null || asked
    failed = null
    if (rules !== inUse.current) {
      inUse.current = rules
      for (const listener of listeners) listener()
    }
    if (isNews) onReload(last)
  }

  async function readRules(): Promise<Loaded> {
    let bytes = await readSettled(path, pause)
    for (;;) {
      if (await isSame(bytes, inUse.current.file)) return { ok: true, rules: inUse.current }
      const found = await loadFrom(path, bytes)
      if (!found.ok || found.rules.size > 0 || inUse.current.size === 0) return found
      // emptied on purpose, or about to be written again?
      await pause(settleMs)
      const again = await readSettled(path, pause)
      if (await isSame(again, bytes)) return found
      bytes = again
    }
  }

  const unused = { ok: false, errors: [`${path} is no longer used`] } as const
  const watched = watchFile({
    load,
    loaded,
    onFailure: options.onFailure,
    intervalMs: watch ? intervalMs : null,
    state: () => stateOf(path),
  })
  return Object.assign(inUse, {
    async reload() {
      await watched.reload()
      return signal.aborted ? unused : last
    },
    reloadIfChanged: watched.reloadIfChanged,
    failure: watched.failure,
    onChange(listener: () => void) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    close() {
      closing.abort()
      watched.close()
      listeners.clear()
    },
  })
}

type Loaded = { readonly ok: true; readonly rules: AclRules } | Refused
type Refused = ReloadResult & { readonly ok: false }

async function loadFirst(path: string): Promise<AclRules> {
  const loaded = await readAclFile(path).then(
    (bytes) => loadFrom(path, bytes),
    (error: unknown) => unreadable(path, error),
  )
  if (loaded.ok) return loaded.rules
  throw new UsageError(loaded.errors.join('\n'))
}

async function loadFrom(path: string, bytes: Buffer): Promise<Loaded> {
  const parsed = await parseGently(bytes)
  if (parsed.ok) return parsed
  const errors = parsed.errors.map(
    ({ line, column, message }) => `${path}:${line}:${column} ${message}`,
  )
  return { ok: false, errors }
}

function firstOf([first = '', ...more]: readonly string[]): string {
  return more.length === 0 ? first : `${first} (and ${more.length} more)`
}

function unreadable(path: string, error: unknown): Refused {
  return { ok: false, errors: [`${path} cannot be read: ${whyUnreadable(error)}`] }
}

function whyUnreadable(error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOENT':
      return 'no such file; create it, or name another file with WOTT_ACL_FILE'
    case 'EACCES':
      return `the gateway runs as user ${process.geteuid?.()}, who has no permission to read it; change its owner (chown) or its mode (chmod 644)`
    default:
      return messageOf(error)
  }
}
