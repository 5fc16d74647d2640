import { createRateLimit } from '../budget/rate-limit.ts'
import type { Door } from '../door-table.ts'
import { GatewayError } from '../errors.ts'
import type { Meter } from '../metrics/meter.ts'
import { addressGroup } from '../net/address.ts'
import type { HttpSettings } from './deadlines.ts'
import type { HttpRequest } from './http-exchange.ts'
import { carrierOf } from './http2-stream.ts'

/** Limits for clients of the viewer door without a session, or before they have shown it. */
export interface Strangers {
  /** Why a request is refused before it is handled; null when it is not. */
  problem(request: HttpRequest): GatewayError | null
  /** Why no invite may be tried; null when one may, which counts as an attempt of the address. */
  guessProblem(request: HttpRequest): GatewayError | null
  /** The invite was right, so the attempt does not count. */
  guessedRight(request: HttpRequest): void
  /** The sender has a session, so its connection does not count as a stranger's. */
  known(request: HttpRequest): void
}

/** Requests may come at once up to this many seconds' worth: pages and their assets for several people behind one address. */
const BURST_SECONDS = 5

export function createStrangers(settings: HttpSettings, meter: Meter, door: Door): Strangers {
  const { strangerRequestRate: rate, inviteGuesses } = settings
  const requests = createRateLimit(rate, rate * BURST_SECONDS)
  const guesses = createRateLimit(inviteGuesses / 60, inviteGuesses)
  const known = new WeakSet<object>()

  return {
    problem(request) {
      if (known.has(carrierOf(request))) return null
      const wait = requests.take(addressOf(request))
      if (wait === 0) return null
      meter.requestRefused(door, 'stranger_rate')
      return tooMany(
        'Too many requests without a session from this address (WOTT_STRANGER_REQUEST_RATE).',
        wait,
      )
    },
    guessProblem(request) {
      const wait = guesses.take(addressOf(request))
      if (wait === 0) return null
      meter.requestRefused(door, 'invite_guesses')
      return tooMany('Too many invites tried from this address (WOTT_INVITE_GUESSES).', wait)
    },
    guessedRight: (request) => guesses.giveBack(addressOf(request)),
    known: (request) => void known.add(carrierOf(request)),
  }
}

function addressOf({ socket }: HttpRequest): string {
  return addressGroup(socket.remoteAddress)
}

function tooMany(problem: string, wait: number): GatewayError {
  return new GatewayError('rate_limited', problem, { retryAfter: Math.ceil(wait) })
}
