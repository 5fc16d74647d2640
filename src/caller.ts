import type { Access } from './acl/access.ts'
import type { Door } from './door-table.ts'
import type { Identity } from './identity/identity.ts'

/** Whoever asks over HTTP: who it is, what the ACL lets it do, and the door it came through. */
export interface Caller {
  readonly identity: Pick<Identity, 'id' | 'notAfter'> & Partial<Identity>
  readonly access: Access
  readonly door: Door
  /** Aborted, with a GatewayError for a reason, when a session is over that nothing else ends. */
  readonly ended?: AbortSignal
}
