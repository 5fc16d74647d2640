import type { Logger } from 'pino'
import { addressOf } from '../net/address.ts'
import type { BookChange } from '../viewer/changes.ts'

type Peer = Parameters<typeof addressOf>[0]

/** Says who was invited, who logs in and out, and who is logged out. */
export function createViewerLog(log: Pick<Logger, 'info'>) {
  const door = 'viewer'
  return {
    changed(change: BookChange): void {
      const { viewer } = change
      if (change.kind === 'invited')
        log.info({ viewer, expires: toTime(change.expires) }, 'a viewer was invited')
      else if (change.kind === 'withdrawn')
        log.info({ viewer, reason: 'revoked' }, 'the invite of a viewer was withdrawn')
      else log.info({ viewer, reason: 'revoked' }, 'a viewer was logged out')
    },
    loggedIn(peer: Peer, viewer: string, expires: number): void {
      const fields = { viewer, door, address: addressOf(peer), expires: toTime(expires) }
      log.info(fields, 'a viewer has logged in')
    },
    loggedOut(peer: Peer, viewer: string): void {
      log.info({ viewer, door, address: addressOf(peer) }, 'a viewer has logged out')
    },
    expired(viewer: string): void {
      log.info({ viewer, reason: 'expired' }, 'a viewer was logged out')
    },
  }
}

function toTime(time: number): string {
  return new Date(time).toISOString()
}
