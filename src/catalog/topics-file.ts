import { readRegularFile } from '../disk/regular-file.ts'
import { stateOf } from '../disk/state.ts'
import { watchFile } from '../disk/watched-file.ts'
import { UsageError, whyUnreadable } from '../errors.ts'
import { type Catalog, createCatalog } from './catalog.ts'
import { parseTopics } from './parse.ts'

/** The number of patterns in force, or why the older ones still are: each error as `FILE:LINE:COLUMN message`. */
export type TopicsFileLoad =
  | { readonly ok: true; readonly patterns: number }
  | { readonly ok: false; readonly errors: readonly string[] }

/** The topics file that is in use; an empty catalog without one. */
export interface TopicsFile {
  /** The catalog in use: a new object after each change. */
  readonly current: Catalog
  /** Why the last load failed, so that an older catalog is in use; null when it is up to date. */
  failure(): string | null
  reload(): Promise<void>
  /** Calls `listener`, which must not throw, after each change of `current`. */
  onChange(listener: () => void): void
  close(): void
}

export interface TopicsFileOptions {
  /** Milliseconds after which a topic is silent, when the file does not say; null for never. */
  readonly silenceMs: number | null
  /** Milliseconds between two checks of the file. */
  readonly intervalMs?: number
  /** Called after every reload, but not after the first load. */
  onLoad(result: TopicsFileLoad): void
  readonly onFailure?: (error: unknown) => void
}

/** Bytes of the largest file. */
const LARGEST = 2 ** 20
const INTERVAL_MS = 500

/** Loads the file and reloads it when it changes; while it cannot be used, the old catalog stays in use. Rejects with a UsageError that lists every bad line. */
export async function openTopicsFile(
  path: string | null,
  { silenceMs, intervalMs = INTERVAL_MS, onLoad, onFailure }: TopicsFileOptions,
): Promise<TopicsFile> {
  if (path === null) return withoutFile(createCatalog([], silenceMs))
  const loaded = await stateOf(path)
  let current = await loadCatalog(path, silenceMs).catch((error: CatalogError) => {
    throw new UsageError(error.message)
  })
  let failed: string | null = null
  const listeners: (() => void)[] = []

  async function load(asked: boolean): Promise<void> {
    try {
      current = await loadCatalog(path as string, silenceMs)
    } catch (error) {
      const { errors, message } = error as CatalogError
      // watchFile tries again
      if (asked || message !== failed) onLoad({ ok: false, errors })
      failed = message
      throw error
    }
    failed = null
    onLoad({ ok: true, patterns: current.entries.length })
    for (const listener of listeners) listener()
  }

  const watched = watchFile({ load, loaded, onFailure, intervalMs, state: () => stateOf(path) })
  return {
    get current() {
      return current
    },
    failure: watched.failure,
    reload: watched.reload,
    onChange: (listener) => void listeners.push(listener),
    close: watched.close,
  }
}

function withoutFile(current: Catalog): TopicsFile {
  return {
    current,
    failure: () => null,
    reload: () => Promise.resolve(),
    onChange() {},
    close() {},
  }
}

/** Its message has all of `errors`, one a line. */
export class CatalogError extends Error {
  override readonly name = 'CatalogError'
  readonly errors: readonly string[]

  constructor(errors: readonly string[], cause?: unknown) {
    super(errors.join('\n'), { cause })
    this.errors = errors
  }
}

/** Reads the file once. Rejects with a CatalogError. */
export async function loadCatalog(path: string, silenceMs: number | null): Promise<Catalog> {
  const parsed = parseTopics(await read(path))
  if (parsed.ok) return createCatalog(parsed.entries, silenceMs)
  throw new CatalogError(
    parsed.errors.map(({ line, column, message }) => `${path}:${line}:${column} ${message}`),
  )
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readRegularFile(path, LARGEST)
  } catch (error) {
    throw new CatalogError([`${path} cannot be read: ${whyUnreadable(error)}`], error)
  }
}
