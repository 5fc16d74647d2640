import type { BrokerUrl } from '../config/broker-url.ts'
import type { FailureKind } from './failure.ts'

/** Which version of MQTT each address is tried with: 5, and 3.1.1 where the broker does not speak 5. */
export interface Protocols {
  of(at: BrokerUrl): 4 | 5
  /** Whether another version is worth trying at once. */
  noteFailure(at: BrokerUrl, kind: FailureKind): boolean
  noteConnection(at: BrokerUrl): void
}

/** `5`: speaks it or may; `doubtful`: closed once without an answer; `try 4`: closed twice; `4`: refused MQTT 5 by name, or took 3.1.1 after that. */
type Support = '5' | 'doubtful' | 'try 4' | '4'

/**
 * A broker that refuses MQTT 5 by name is known for good. One that only closes the connection may have been about to stop,
 * so it is asked twice, and again with MQTT 5 at the next connection.
 */
export function createProtocols(): Protocols {
  const known = new Map<BrokerUrl, Support>()
  return {
    of(at) {
      const now = known.get(at)
      return now === '4' || now === 'try 4' ? 4 : 5
    },
    noteFailure(at, kind) {
      const now = known.get(at) ?? '5'
      if (now === '4') return false
      if (kind === 'protocol' && now !== 'try 4') known.set(at, '4')
      else if (kind === 'closed' && now !== 'try 4')
        known.set(at, now === 'doubtful' ? 'try 4' : 'doubtful')
      else known.delete(at)
      return known.has(at)
    },
    noteConnection(at) {
      if (known.get(at) !== '4') known.delete(at)
    },
  }
}
