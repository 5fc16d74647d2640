import type { ServerHttp2Session } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { HttpRequest, HttpResponse } from './http-exchange.ts'

/** Requests of one HTTP/1.1 connection that may wait for their answers; programs that pipeline send about ten. */
const MOST_PIPELINED = 20
/** After how many new streams the cancelled ones are counted. */
const LOOK_EVERY = 25

/**
 * Ends an HTTP/2 connection that, in one turn of the event loop, cancels more than `burst` of the requests that it began. The
 * library has a limit of its own, but applies it only after it has parsed all bytes that have arrived: thousands of requests
 * (CVE-2023-44487).
 */
export function boundResets(session: ServerHttp2Session, burst: number, onCut: () => void): void {
  let begun: { readonly closed: boolean; readonly destroyed: boolean }[] = []
  session.on('stream', (stream) => {
    if (begun.length === 0)
      setImmediate(() => {
        begun = []
      })
    begun.push(stream)
    if (begun.length % LOOK_EVERY !== 0 || session.destroyed) return
    if (begun.filter(({ closed, destroyed }) => closed || destroyed).length <= burst) return
    onCut()
    session.destroy()
  })
}

/**
 * Ends an HTTP/1.1 connection without errors. Node would make an error for each unanswered request, and the stack traces of
 * hundreds take more time than the requests.
 */
function cut(socket: Duplex): void {
  const { stackTraceLimit } = Error
  socket.prependOnceListener('close', () => {
    Error.stackTraceLimit = 0
  })
  socket.once('close', () => {
    Error.stackTraceLimit = stackTraceLimit
  })
  socket.destroy()
}

/** Counts the requests of each HTTP/1.1 connection that wait for their answers. */
export interface Pipelines {
  /** Counts a request until its response is closed. Returns false, and ends the connection, if too many wait before it. */
  enter(request: HttpRequest, response: HttpResponse): boolean
}

/** The requests of one connection that wait for their answers. */
interface Pipeline {
  waiting: number
  readonly leave: () => void
}

/** Limits pipelining: one read can hold hundreds of requests, and each costs memory and time before any rate limit applies. */
export function createPipelines(): Pipelines {
  const pipelines = new WeakMap<object, Pipeline>()

  function pipelineOf(socket: Duplex): Pipeline {
    const known = pipelines.get(socket)
    if (known) return known
    const made: Pipeline = {
      waiting: 0,
      leave() {
        made.waiting -= 1
      },
    }
    pipelines.set(socket, made)
    return made
  }

  return {
    enter({ socket }, response) {
      const pipeline = pipelineOf(socket)
      if (pipeline.waiting === MOST_PIPELINED) {
        cut(socket)
        return false
      }
      pipeline.waiting += 1
      response.on('close', pipeline.leave)
      return true
    },
  }
}
