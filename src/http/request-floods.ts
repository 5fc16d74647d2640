import type { Http2ServerRequest, Http2ServerResponse, ServerHttp2Session } from 'node:http2'
import type { Duplex } from 'node:stream'

/** Requests of one HTTP/1.1 connection that wait for their answers; programs that pipeline send some ten. */
const MOST_PIPELINED = 20
/** How many streams are begun before it is looked how many of them are cancelled. */
const LOOK_EVERY = 25

/**
 * Ends an HTTP/2 connection that cancels more than `burst` of the requests that it began in one turn of the event loop. The
 * library has a bound of its own, but meets it only when all that has arrived is taken apart: thousands of requests
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
 * Ends an HTTP/1.1 connection. Node makes an error for each request of it that is not answered, and the stack traces of
 * hundreds take longer than all else about them.
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

/** How many requests of each HTTP/1.1 connection wait for their answers. */
export interface Pipelines {
  /** Counts a request until its response is closed; false: there are too many before it, and the connection is ended. */
  enter(request: Http2ServerRequest, response: Http2ServerResponse): boolean
}

/** The requests of one connection that wait for their answers. */
interface Pipeline {
  waiting: number
  readonly leave: () => void
}

/** One read can hold hundreds of pipelined requests, and each costs memory and time before anything can be charged for it. */
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
