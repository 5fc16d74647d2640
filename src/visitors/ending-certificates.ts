import type { Logger } from 'pino'

const DAY_MS = 86_400_000
/** Lines in a day, those that end first. */
const MOST_LINES = 50
/** Devices have had time to come back after a restart. */
const FIRST_MS = 60_000

export interface EndingOptions {
  /** When certificates end, by WoTT ID, in milliseconds since the Unix epoch. */
  ends(): ReadonlyMap<string, number>
  /** How many days before its end a certificate is named; 0 for never. */
  readonly days: number
  readonly log: Pick<Logger, 'warn'>
}

/** Names the devices whose certificates end soon, and those whose have ended, one a line. */
export function logEndingCertificates({ ends, days, log }: EndingOptions, now = Date.now()): void {
  const soon = [...ends()]
    .filter(([, end]) => end - now <= days * DAY_MS)
    .sort(([, a], [, b]) => a - b)
  for (const [device, end] of soon.slice(0, MOST_LINES))
    log.warn(
      { device, expires: new Date(end).toISOString() },
      end <= now
        ? 'the certificate of a device has ended'
        : 'the certificate of a device ends soon',
    )
  if (soon.length > MOST_LINES)
    log.warn({ count: soon.length - MOST_LINES }, 'the certificates of more devices end soon')
}

/** Does so once a day; returns what stops it. */
export function watchEndingCertificates(options: EndingOptions): () => void {
  if (options.days === 0) return () => {}
  const look = () => logEndingCertificates(options)
  const daily = setInterval(look, DAY_MS).unref()
  const first = setTimeout(look, FIRST_MS).unref()
  return () => {
    clearInterval(daily)
    clearTimeout(first)
  }
}
