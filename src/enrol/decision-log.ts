import type { Logger } from 'pino'
import { createLogLimit } from '../log/log-limit.ts'
import type { WaitingKey } from './book.ts'
import type { Credential } from './decision.ts'
import type { EnrolOutcome } from './enrolment.ts'

/** Logs the outcome of requests. Refusals are rate-limited, because anybody can cause them. */
export function createDecisionLog(
  log: Logger,
): (credential: Credential, outcome: EnrolOutcome, address: string) => void {
  const logLimited = createLogLimit()
  return (credential, outcome, address) => {
    switch (outcome.kind) {
      case 'issued': {
        const { id, via, serial, notAfter } = outcome
        log.info(
          { device: id, serial, via, address, expires: new Date(notAfter).toISOString() },
          'issued a certificate',
        )
        return
      }
      case 'wait':
        if (outcome.isNew)
          log.info({ ...namesOf(outcome.key), address }, 'a key waits for approval')
        return
      case 'refuse': {
        const { id, reason } = outcome
        const via = credential.kind
        logLimited([reason, id ?? '', id === null ? address : ''].join('\0'), (repeated) =>
          log.warn(
            { ...(id === null ? {} : { device: id }), via, reason, address, ...repeated },
            reason === 'certificate_superseded'
              ? 'refused a certificate that a newer one has replaced: somebody may have a copy of the key'
              : 'refused to issue a certificate',
          ),
        )
      }
    }
  }
}

const DIGITS = 16
const LONGEST_NAME = 64

/** The key and name to compare with "device waiting"; cut off, because a stranger chooses the name. */
function namesOf({ key, wanted }: WaitingKey) {
  return { key: key.slice(0, DIGITS), wanted: wanted?.slice(0, LONGEST_NAME) ?? null }
}
