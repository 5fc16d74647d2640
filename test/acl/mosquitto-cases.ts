import { readFileSync } from 'node:fs'

/** An ACL file and the verdicts of Mosquitto 2.0.11 on it. */
export interface RecordedCase {
  readonly id: string
  readonly acl?: string
  /** Instead of `acl`, where the file is not UTF-8. */
  readonly aclBase64?: string
  readonly expectLoad: 'ok' | 'error'
  /** Whether a line added to the file would change its meaning. */
  readonly exactFile?: boolean
  readonly checks: readonly RecordedCheck[]
}

export interface RecordedCheck {
  readonly user: string | null
  readonly clientId: string
  readonly action: 'publish' | 'receive' | 'retained'
  readonly topic: string
  /** The filter of the subscription, unless it was the topic itself. */
  readonly filter?: string
  readonly expected: boolean
  /** Conditions of the recording that the mqtt door cannot meet. */
  readonly needs?: readonly string[]
  /** Mosquitto closed the connection, because the packet was malformed. */
  readonly closed?: boolean
}

export const { cases: CASES }: { cases: readonly RecordedCase[] } = JSON.parse(
  readFileSync(new URL('mosquitto-cases.json', import.meta.url), 'utf8'),
)

/** The bytes of the ACL file. */
export function fileOf({ acl = '', aclBase64 }: RecordedCase): Buffer {
  return aclBase64 === undefined ? Buffer.from(acl) : Buffer.from(aclBase64, 'base64')
}
