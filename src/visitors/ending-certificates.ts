import type { Logger } from 'pino'
import type { Trust } from '../identity/trust.ts'

const DAY_MS = 86_400_000
/** Lines about devices in a day: those that end first. */
const MOST_LINES = 50
/** Until then devices have come back after a restart. */
const FIRST_MS = 60_000

/** A certificate of the gateway itself, or of a CA, and when it ends, in milliseconds since the Unix epoch. */
export interface OwnCertificate {
  /** Of a CA; null for the gateway's own. */
  readonly authority: string | null
  readonly end: number
}

export interface EndingOptions {
  /** When the certificates of devices end, by WoTT ID, in milliseconds since the Unix epoch. */
  ends(): ReadonlyMap<string, number>
  /** The gateway's own, and those of the CAs that it trusts. */
  own(): readonly OwnCertificate[]
  /** How many days before its end a certificate is named; 0 for never. */
  readonly days: number
  readonly log: Pick<Logger, 'warn'>
}

function logEndingCertificates({ ends, own, days, log }: EndingOptions): void {
  const now = Date.now()
  const isSoon = (end: number) => end - now <= days * DAY_MS
  const verb = (end: number) => (end <= now ? 'has expired' : 'expires soon')
  for (const { authority, end } of own().filter((one) => isSoon(one.end))) {
    const what = authority === null ? "the gateway's own certificate" : 'the certificate of a CA'
    log.warn(
      { ...(authority === null ? {} : { authority }), expires: toTime(end) },
      `${what} ${verb(end)}`,
    )
  }
  const soon = [...ends()].filter(([, end]) => isSoon(end)).sort(([, a], [, b]) => a - b)
  for (const [device, end] of soon.slice(0, MOST_LINES))
    log.warn({ device, expires: toTime(end) }, `the certificate of a device ${verb(end)}`)
  if (soon.length > MOST_LINES)
    log.warn({ count: soon.length - MOST_LINES }, 'the certificates of more devices expire soon')
}

function toTime(time: number): string {
  return new Date(time).toISOString()
}

/** The gateway's own certificate, and those of the CAs that devices are verified by. */
export function ownCertificates({
  certificate,
  authorities,
}: Pick<Trust, 'certificate' | 'authorities'>): OwnCertificate[] {
  return [
    { authority: null, end: certificate.notAfter },
    ...authorities.all.map(({ subjectName, notAfter }) => ({
      authority: subjectName,
      end: notAfter,
    })),
  ]
}

/**
 * Logs the certificates that end soon and those that have ended, once a day, a line for each and the gateway's own first. Returns
 * a function that stops it.
 */
export function watchEndingCertificates(options: EndingOptions): () => void {
  if (options.days === 0) return () => {}
  const log = () => logEndingCertificates(options)
  const daily = setInterval(log, DAY_MS).unref()
  const first = setTimeout(log, FIRST_MS).unref()
  return () => {
    clearInterval(daily)
    clearTimeout(first)
  }
}
