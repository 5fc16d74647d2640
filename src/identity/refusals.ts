import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Door } from '../door-table.ts'
import { codeOf, GatewayError } from '../errors.ts'
import { createLogLimit } from '../log/log-limit.ts'
import { addressOf } from '../net/address.ts'
import { identityOf, objectionTo } from './connection.ts'

/** The part of a logger that this needs. */
interface Log {
  warn(fields: object, message: string): void
  info(fields: object, message: string): void
}

export interface Refusals {
  /** Logs who was refused and why, the same at most once a minute. */
  note(door: Door, socket: Socket, error: Error): void
}

/** Why a device is refused after its handshake; null for one that is let in. */
export function refusalOf(socket: object): GatewayError | null {
  const who = identityOf(socket)
  return who instanceof GatewayError ? who : null
}

/** Refusals of certificates that our CA issued. Others may bear any name, so a line for each name would flood the log. */
const OURS: ReadonlySet<string> = new Set(['certificate_expired', 'certificate_revoked'])
const LONGEST_NAME = 253

export function createRefusals(log: Log, now: () => number = () => performance.now()): Refusals {
  const logLimited = createLogLimit(now)
  return {
    note(door, socket, error) {
      const objection = objectionTo(socket)
      const named = error instanceof GatewayError
      const reason = named ? error.code : (objection ?? codeOf(error) ?? error.message)
      const device = named ? nameOf(socket) : undefined
      const key = [door, reason, objection, OURS.has(reason) ? device : ''].join('\0')
      logLimited(key, (repeated) => {
        const address = addressOf(socket)
        const fields = { door, reason, objection, device, address, ...repeated }
        if (named || objection) log.warn(fields, 'refused a certificate')
        else log.info(fields, 'a handshake failed')
      })
    },
  }
}

function nameOf(socket: Socket): string | undefined {
  const name: unknown = (socket as TLSSocket).getPeerCertificate()?.subject?.CN
  return name === undefined ? undefined : String(name).slice(0, LONGEST_NAME)
}
