import { readLists } from '../x509/crl.ts'
import { toSerial } from '../x509/serial.ts'

/** The content of revocation lists; times in milliseconds since the Unix epoch. */
export interface Crl {
  /** When the list with the earliest `nextUpdate` was signed. */
  readonly thisUpdate: number
  /** The earliest `nextUpdate`; Infinity if no list has one. */
  readonly nextUpdate: number
  /** Serial numbers, and when each was revoked. */
  readonly revoked: ReadonlyMap<string, number>
  /** `serial` as Node's `X509Certificate.serialNumber` prints it; case and leading zeros do not matter. */
  isRevoked(serial: string): boolean
}

/** Reads the lists of our own CA; throws when one is malformed. */
export function readCrl(pem: string): Crl {
  const lists = readLists(Buffer.from(pem, 'latin1'))
  const revoked = new Map(lists.flatMap((list) => [...list.revoked]))
  const { thisUpdate, nextUpdate } = lists.reduce((first, list) =>
    list.nextUpdate < first.nextUpdate ? list : first,
  )
  return {
    thisUpdate,
    nextUpdate,
    revoked,
    isRevoked: (serial) => revoked.has(toSerial(Buffer.from(evenHex(serial), 'hex'))),
  }
}

function evenHex(text: string): string {
  return text.length % 2 === 0 ? text : `0${text}`
}
