import type { Socket } from 'node:net'
import type { DoorOptions } from './options.ts'
import { isAmong } from './peer.ts'
import { createPlainText } from './plain-text.ts'
import type { Step } from './steps.ts'

/** The steps of a connection before its TLS handshake. Calls `refused` for each connection that gets no further. */
export function stepsBeforeTls(
  { door, meter, from, arrivals, admission, plain, onPlain = () => {} }: DoorOptions,
  refused: (socket: Socket, error: Error) => void,
): Step[] {
  const steps: Step[] = []
  if (from)
    steps.push((next) => (socket) => {
      if (isAmong(from, socket.remoteAddress ?? '')) {
        next(socket)
        return
      }
      refused(socket, new Error('connections from this address are not allowed'))
      socket.destroy()
    })
  if (arrivals) steps.push(arrivals.receive)
  if (admission) steps.push((next) => (socket) => admission.admit(socket, next))
  if (plain) {
    const onSilent = (socket: Socket) => refused(socket, new SilentError())
    steps.push(createPlainText({ door, meter, onPlain, onSilent, protocol: plain }))
  }
  return steps
}

/** The error that Node reports for a handshake that takes too long. */
class SilentError extends Error {
  readonly code = 'ERR_TLS_HANDSHAKE_TIMEOUT'
}
