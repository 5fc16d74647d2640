import { type Logger, pino } from 'pino'

export type LogLine = Record<string, unknown>

export interface CollectedLog {
  readonly log: Logger
  /** All lines so far. */
  readonly lines: LogLine[]
  /** Resolves with the first line, past or future, that `matches`. */
  logged(matches: (line: LogLine) => boolean): Promise<LogLine>
}

/** A log in memory. */
export function collectLog(): CollectedLog {
  const lines: LogLine[] = []
  const watchers = new Set<() => void>()
  const log = pino(
    { level: 'debug', base: null, formatters: { level: (label) => ({ level: label }) } },
    {
      write(line: string) {
        lines.push(JSON.parse(line))
        for (const watcher of watchers) watcher()
      },
    },
  )
  return {
    log,
    lines,
    logged: (matches) =>
      new Promise((resolve) => {
        const look = () => {
          const found = lines.find(matches)
          if (!found) return
          watchers.delete(look)
          resolve(found)
        }
        watchers.add(look)
        look()
      }),
  }
}
