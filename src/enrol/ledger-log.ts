import type { Logger } from 'pino'
import type { LedgerEntry } from '../ca/ledger-line.ts'

/** Digits of the hash of a key, as "device waiting" shows it. */
const DIGITS = 16
/** Certificates that commands issue. The enrol door logs its own, with the address of the client. */
const BY_COMMAND: ReadonlySet<string> = new Set(['init', 'add', 'renew'])

/** Logs what commands have done to the devices of this CA. */
export function createLedgerLog(log: Pick<Logger, 'info' | 'warn'>): (entry: LedgerEntry) => void {
  return (entry) => {
    switch (entry.event) {
      case 'invited':
        log.info({ device: entry.id }, 'a device was invited')
        break
      case 'withdrawn':
        log.info({ device: entry.id, reason: 'revoked' }, 'the invite of a device was withdrawn')
        break
      case 'approved':
        log.info({ device: entry.id, key: entry.key?.slice(0, DIGITS) }, 'a key was approved')
        break
      case 'denied':
        log.info({ key: entry.key?.slice(0, DIGITS) }, 'a key was denied')
        break
      case 'revoked': {
        const { id: device, serial, reason = 'unspecified' } = entry
        log.warn({ device, serial, reason }, 'the certificate of a device was revoked')
        break
      }
      case 'issued': {
        const { id: device, serial, via, notAfter: expires } = entry
        if (via !== undefined && BY_COMMAND.has(via))
          log.info({ device, serial, via, expires }, 'issued a certificate')
        break
      }
      case 'rotation-started':
        log.warn('another CA begins to take the place of this one')
        break
      case 'rotation-finished':
        log.warn('the CA before this one is not in force any more')
        break
      default:
    }
  }
}
