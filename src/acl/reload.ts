import { setTimeout as pauseFor } from 'node:timers/promises'
import { stateOf } from '../disk/state.ts'
import { codeOf, messageOf, UsageError } from '../errors.ts'
import { isSame, parseGently, readRegularFile, readSettled } from './acl-file.ts'
import type { AclRules } from './rules.ts'

/** How many `topic` and `pattern` lines are in force now, or why the rules from before still are. */
export type ReloadResult =
  | { readonly ok: true; readonly rules: number }
  /** Each as `FILE:LINE:COLUMN message`, or a sentence about the whole file. */
  | { readonly ok: false; readonly errors: readonly string[] }

export interface AclSource {
  /** The rules in force: another object as soon as they change. */
  readonly current: AclRules
  /** Reads the file again now; resolves when its rules hold or are refused. */
  reload(): Promise<ReloadResult>
  /** Calls `listener`, which must not throw, after each change of `current`; returns how to stop that. */
  onChange(listener: () => void): () => void
  close(): void
}

export interface AclOptions {
  /** Whether to notice by itself that the file has changed. */
  readonly watch: boolean
  /** How often to look, in milliseconds. */
  readonly intervalMs?: number
  /** How long a file that has lost all its rules must stay so to be believed, in milliseconds. */
  readonly settleMs?: number
  /** Told of every reload, but not of the first load nor of a look that found nothing new. */
  readonly onReload: (result: ReloadResult) => void
}

/** Loads the file and keeps its rules up to date. Rejects with a UsageError that names every bad line. */
export async function openAcl(path: string, options: AclOptions): Promise<AclSource> {
  const { watch, intervalMs = 500, settleMs = 1000, onReload } = options
  let current = await loadFirst(path)
  let failed = false
  let lookedAt: string | null = null
  let timer: NodeJS.Timeout | undefined
  let last: Promise<unknown> = Promise.resolve()
  const listeners = new Set<() => void>()
  const closing = new AbortController()
  const { signal } = closing
  const pause = (ms: number) => pauseFor(ms, undefined, { signal })

  // Mosquitto 2.0 drops its rules first and allows everything if the file turns out bad; here nothing is dropped
  async function load(asked: boolean): Promise<ReloadResult> {
    const loaded = await readRules().catch((error: unknown) => unreadable(path, error))
    if (signal.aborted) return { ok: false, errors: [`${path} is no longer used`] }
    if (!loaded.ok) {
      failed = true
      onReload(loaded)
      return loaded
    }
    const { rules } = loaded
    const result = { ok: true, rules: rules.size } as const
    if (rules === current && !failed && !asked) return result
    failed = false
    if (rules !== current) {
      current = rules
      for (const listener of listeners) listener()
    }
    onReload(result)
    return result
  }

  async function readRules(): Promise<Loaded> {
    let bytes = await read()
    for (;;) {
      if (await isSame(bytes, current.file)) return { ok: true, rules: current }
      const loaded = await loadFrom(path, bytes)
      if (!loaded.ok || loaded.rules.size > 0 || current.size === 0) return loaded
      // emptied on purpose, or about to be written again?
      await pause(settleMs)
      const again = await read()
      if (await isSame(again, bytes)) return loaded
      bytes = again
    }
  }

  async function read(): Promise<Buffer> {
    const { bytes, state } = await readSettled(path, pause)
    lookedAt = state
    return bytes
  }

  function enqueue(asked: boolean): Promise<ReloadResult> {
    const run = last.then(() => load(asked))
    last = run.catch(() => undefined)
    return run
  }

  async function look(): Promise<void> {
    const state = await stateOf(path)
    if (state !== lookedAt) {
      lookedAt = state
      await enqueue(false)
    }
    lookLater()
  }

  function lookLater(): void {
    if (!signal.aborted) timer = setTimeout(() => void look(), intervalMs).unref()
  }

  if (watch) lookLater()
  return {
    get current() {
      return current
    },
    reload: () => enqueue(true),
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    close() {
      closing.abort()
      clearTimeout(timer)
      listeners.clear()
    },
  }
}

type Loaded = { readonly ok: true; readonly rules: AclRules } | Refused
type Refused = ReloadResult & { readonly ok: false }

async function loadFirst(path: string): Promise<AclRules> {
  const loaded = await readRegularFile(path).then(
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

function unreadable(path: string, error: unknown): Refused {
  const why =
    codeOf(error) === 'ENOENT'
      ? 'there is no such file; write one there, or name another with WOTT_ACL_FILE'
      : messageOf(error)
  return { ok: false, errors: [`${path} cannot be read: ${why}`] }
}
