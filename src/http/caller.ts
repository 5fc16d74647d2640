import type { Caller } from '../relay/relay.ts'
import type { Request } from './app.ts'

const callers = new WeakMap<object, Caller>()

/** Notes who sends this request, once the door has made sure of it. */
export function nameCaller(request: Request, caller: Caller): void {
  callers.set(request, caller)
}

/** Who sends this request; undefined where the door does not know, or not yet. */
export function callerIn(request: Request): Caller | undefined {
  return callers.get(request)
}

/** Who sends this request. A request that no door has named has no answer: it throws, and so fails closed. */
export function callerOf(request: Request): Caller {
  const caller = callers.get(request)
  if (!caller) throw new Error('a request reached a route without passing the door')
  return caller
}
