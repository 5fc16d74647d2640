import { GatewayError, messageOf } from '../errors.ts'

/** For a code that cannot be traded. */
export function inviteInvalid(): GatewayError {
  return new GatewayError(
    'invite_invalid',
    'This invite was used before, has expired, or never was one. Ask for a new one: wott-gateway viewer invite NAME',
  )
}

/** For a session whose time is over. */
export function sessionExpired(): GatewayError {
  return new GatewayError('session_expired', 'Your session has expired. Ask for a new invite.')
}

/** For somebody who has logged out while the disk took nothing. */
export function sessionNotStored(cause: unknown): GatewayError {
  return new GatewayError(
    'session_not_stored',
    `You are logged out, but this could not be stored yet (${messageOf(cause)}). The gateway keeps trying; if it restarts before it succeeds, your session is valid again.`,
    { cause },
  )
}

/** For a session that is not in the book any more. */
export function sessionEnded(): GatewayError {
  return new GatewayError(
    'session_ended',
    'Your session was ended, or expired a while ago. Ask for a new invite.',
  )
}

/** For a view that the disk did not take. */
export function viewNotStored(cause: unknown): GatewayError {
  return new GatewayError(
    'view_not_stored',
    `Your view could not be stored (${messageOf(cause)}). Try again later.`,
    { cause },
  )
}

/** For a view that is sent before the one before it is stored. */
export function viewBusy(): GatewayError {
  return new GatewayError('rate_limited', 'Your view is being stored. Try again in a second.', {
    retryAfter: 1,
  })
}
