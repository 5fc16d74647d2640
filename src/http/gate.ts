import { createAccess } from '../acl/access.ts'
import type { AclSource } from '../acl/reload.ts'
import type { Caller } from '../caller.ts'
import type { Door } from '../door-table.ts'
import { GatewayError } from '../errors.ts'
import type { Identity } from '../identity/identity.ts'
import type { Senders } from '../identity/senders.ts'
import type { Turns } from '../turns/turns.ts'
import type { HttpRequest, HttpResponse } from './http-exchange.ts'
import { isGone } from './http2-stream.ts'
import { originProblem } from './origin.ts'

/** Admits callers to a door for devices. */
export interface Gate {
  /** Who sends a request, or why it is refused. Call it once for each request, because it counts requests under way. */
  admit(request: HttpRequest, response: HttpResponse): Caller | GatewayError
  /**
   * Calls `serve` in the caller's turn; `gone` if the request was cancelled or its connection ended before that. The caller is
   * charged at least `leastMs`, since only part of the time of a request can be measured.
   */
  enter(caller: Caller, request: HttpRequest, entry: Entry): void
}

interface Entry {
  readonly serve: () => void
  readonly gone?: () => void
  /** 0.2 by default. */
  readonly leastMs?: number
}

export interface GateOptions {
  readonly acl: AclSource
  readonly turns: Pick<Turns, 'enter'>
  readonly senders: Senders
  readonly door: Door
}

/** The estimated time of a request that the framework handles. */
const REQUEST_MS = 0.2

export function createGate({ acl, turns, senders, door }: GateOptions): Gate {
  // one identity, one caller: the ACL's answers are remembered for its next request
  const callers = new WeakMap<Identity, Caller>()

  function callerFor(identity: Identity): Caller {
    let caller = callers.get(identity)
    if (!caller) {
      // over HTTP a device's client id is its name
      const access = createAccess(acl, { user: identity.id, clientId: identity.id })
      const ended = senders.ended(identity)
      caller = { identity, access, door, ...(ended && { ended }) }
      callers.set(identity, caller)
    }
    return caller
  }

  return {
    admit(request, response) {
      const who = senders.of(request)
      if (who instanceof GatewayError) return who
      const refused = senders.enter(request, response) ?? originProblem(request.headers)
      return refused ?? callerFor(who)
    },
    enter({ identity }, request, { serve, gone, leastMs = REQUEST_MS }) {
      // a request that is gone must not be served: its end, already past, would never be reported
      turns.enter(identity.id, () => (isGone(request) ? gone?.() : serve()), leastMs)
    },
  }
}
