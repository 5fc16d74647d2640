import type { Logger } from 'pino'
import type { Whereabouts } from '../broker/session.ts'
import { createLogLimit } from '../log/log-limit.ts'
import { ProtocolError } from './reasons.ts'

/** A client's connection, as the log names it. */
export interface Visit extends Pick<Whereabouts, 'door' | 'address' | 'since'> {
  readonly device: string
  readonly client: string
}

/** Why a client leaves: what it did, or what it did wrong. Both are sentences without their subject. */
export type Why = string | ProtocolError

/** Logs who connects, who leaves and why. */
export interface Visits {
  came(visit: Visit, protocol: string): void
  left(visit: Visit, why: Why): void
}

/** Lines of each kind that one device has in a minute: a client that comes and goes all the time must not fill the disk. */
const LINES_A_MINUTE = 10

export function createVisits(log: Logger, now?: () => number): Visits {
  const logLimited = createLogLimit(now, LINES_A_MINUTE)
  return {
    came({ device, client, door, address }, protocol) {
      logLimited(`came\0${device}`, (repeated) =>
        log.info(
          { device, client, door, address, protocol, ...repeated },
          'an MQTT client has connected',
        ),
      )
    },
    left({ device, client, door, address, since }, why) {
      logLimited(`left\0${device}`, (repeated) => {
        const isFault = why instanceof ProtocolError
        const reason = isFault ? why.message : why
        const seconds = Math.round((Date.now() - since) / 1000)
        const fields = { device, client, door, address, reason, seconds, ...repeated }
        if (isFault) log.warn(fields, 'disconnecting an MQTT client')
        else log.info(fields, 'an MQTT client has left')
      })
    },
  }
}
