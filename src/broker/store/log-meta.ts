import type { Change, MetaKey } from './changes.ts'

/** What the store remembers about its log, besides the messages. */
export interface LogMeta {
  /** The value as a number; 0 if there is none. */
  number(key: MetaKey): number
  /** Undefined if there is none. */
  text(key: MetaKey): string | undefined
  /** Returns the change that stores the value. */
  set(key: MetaKey, value: string | number): Change
  restore(key: MetaKey, value: string): void
}

export function createLogMeta(): LogMeta {
  const values = new Map<MetaKey, string>()
  return {
    number: (key) => Number(values.get(key) ?? 0),
    text: (key) => values.get(key),
    set(key, value) {
      values.set(key, String(value))
      return ['meta', key, String(value)]
    },
    restore: (key, value) => void values.set(key, value),
  }
}
