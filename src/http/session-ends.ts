import type { ServerHttp2Session } from 'node:http2'
import { setTimeout } from 'node:timers/promises'
import type { HttpRequest, HttpResponse } from './http-exchange.ts'
import { isGone, streamOf } from './http2-stream.ts'

type Answer = (request: HttpRequest, response: HttpResponse) => void

export interface SessionEnds {
  /** Ends a connection after its requests so far are answered, at most a second later; new ones wait and are answered last. */
  end(session: ServerHttp2Session): Promise<void>
  /** Whether a request waits, because its connection is ending; it is passed to `answer` later. */
  holds(request: HttpRequest, response: HttpResponse): boolean
}

/** The longest time that requests of the connection wait for earlier answers and a round trip. */
const LONGEST_WAIT_MS = 1_000
/** How long a client may take from an answer to its next request. It returns the PING at once, so that is sent later. */
const REACTION_MS = 100

/**
 * Ends HTTP/2 connections so that a client which waits for answers before it sends more loses no request. RFC 9113 §6.8 has two
 * GOAWAY frames for this, but Node's HTTP/2 library ignores all requests that come after the first one. So new requests wait here
 * until everything that the client sent before it heard of the end has arrived: earlier answers are out, and a PING has come back.
 * Their answers follow the GOAWAY, so that the client sends its next requests on another connection.
 */
export function createSessionEnds(
  answer: Answer,
  unanswered: (session: ServerHttp2Session) => readonly HttpResponse[],
): SessionEnds {
  const ending = new Map<ServerHttp2Session, Parameters<Answer>[]>()

  return {
    async end(session) {
      if (session.closed || session.destroyed || ending.has(session)) return
      const held: Parameters<Answer>[] = []
      ending.set(session, held)
      const late = setTimeout(LONGEST_WAIT_MS, undefined, { ref: false })
      await Promise.race([untilQuiet(session, unanswered(session)), late])
      ending.delete(session)
      session.close()
      for (const [request, response] of held) if (!isGone(request)) answer(request, response)
    },
    holds(request, response) {
      if (ending.size === 0) return false
      const held = ending.get(streamOf(request)?.session as ServerHttp2Session)
      held?.push([request, response])
      return held !== undefined
    },
  }
}

/** Resolves once the client has read these answers, and what it sends in return has arrived. */
async function untilQuiet(session: ServerHttp2Session, answers: readonly HttpResponse[]) {
  await Promise.all(
    answers.map((answer) => new Promise<void>((resolve) => answer.once('close', resolve))),
  )
  await setTimeout(REACTION_MS)
  await roundTrip(session)
}

function roundTrip(session: ServerHttp2Session): Promise<void> {
  return new Promise((resolve) => {
    if (session.destroyed || !session.ping(() => resolve())) resolve()
  })
}
