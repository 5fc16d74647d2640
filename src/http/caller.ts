import type { Caller } from '../caller.ts'
import type { Request } from './fastify.ts'

/** The key under which a request holds its caller: cheaper for each request than a map. */
const CALLER = Symbol('caller')
type Named = { [CALLER]?: Caller }

/** Notes the sender of a request, once the door has verified it. */
export function nameCaller(request: Request, caller: Caller): void {
  ;(request as Named)[CALLER] = caller
}

/** The sender of a request; undefined where the door does not know it, or not yet. */
export function callerIn(request: Request): Caller | undefined {
  return (request as Named)[CALLER]
}

/** The sender of a request. It throws where no door has noted one, so a missing check refuses the request. */
export function callerOf(request: Request): Caller {
  const caller = callerIn(request)
  if (!caller) throw new Error('a request reached a route without passing the door')
  return caller
}
