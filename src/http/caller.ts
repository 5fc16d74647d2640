import type { Caller } from '../caller.ts'
import type { Request } from './fastify.ts'

/** Where the caller is kept: on its request, which costs each one less than a map of them. */
const CALLER = Symbol('caller')
type Named = { [CALLER]?: Caller }

/** Notes who sends this request, once the door has made sure of it. */
export function nameCaller(request: Request, caller: Caller): void {
  ;(request as Named)[CALLER] = caller
}

/** Who sends this request; undefined where the door does not know, or not yet. */
export function callerIn(request: Request): Caller | undefined {
  return (request as Named)[CALLER]
}

/** Who sends this request. A request that no door has named has no answer: it throws, and so fails closed. */
export function callerOf(request: Request): Caller {
  const caller = callerIn(request)
  if (!caller) throw new Error('a request reached a route without passing the door')
  return caller
}
