import type { HttpConnection } from './http-connection.ts'

export interface SteadyOptions {
  readonly connections: readonly HttpConnection[]
  /** Requests per second. */
  readonly rate: number
  readonly seconds: number
  requestOf(n: number): Buffer
  /** Called just before a request is sent; `due` is when it should have been, by `performance.now()`. */
  onSend?(n: number, due: number): void
  /** Called with the milliseconds from when a request was due to its answer. */
  onAnswer(milliseconds: number): void
}

export interface Steady {
  /** The delays of this process itself: milliseconds from when a request was due and had a free connection until it was sent. */
  readonly late: Float64Array
  /** Share of the requests that waited for a free connection. */
  readonly queued: number
}

/**
 * Sends requests at a steady rate, without waiting for earlier answers. Times count from when a request is due, so a server that
 * stops also pays for the requests that could not be sent meanwhile. Rejects if an answer is not a success.
 */
export function sendSteadily(options: SteadyOptions): Promise<Steady> {
  const { connections, rate, seconds, requestOf, onSend, onAnswer } = options
  const { promise, resolve, reject } = Promise.withResolvers<Steady>()
  const total = Math.round(rate * seconds)
  const late = new Float64Array(total)
  const free = [...connections]
  const start = performance.now()
  const dueOf = (n: number) => start + (n / rate) * 1000
  let sent = 0
  let answered = 0
  let queued = 0

  /** Sends the next request on this connection, which was free since `since`. */
  function sendOn(connection: HttpConnection, since: number): void {
    const n = sent
    const due = dueOf(n)
    const request = requestOf(n)
    sent += 1
    late[n] = performance.now() - Math.max(due, since)
    onSend?.(n, due)
    connection.send(request, (status) => {
      if (status < 200 || status > 299) return reject(new Error(`answered with ${status}`))
      const now = performance.now()
      answered += 1
      onAnswer(now - due)
      if (sent < total && dueOf(sent) <= now) {
        queued += 1
        sendOn(connection, now)
      } else free.push(connection)
    })
  }

  // waits for nothing, because a timer would be up to a millisecond late
  function turn(): void {
    const now = performance.now()
    while (sent < total && dueOf(sent) <= now) {
      const connection = free.pop()
      if (!connection) break
      sendOn(connection, 0)
    }
    if (answered < total) setImmediate(turn)
    else resolve({ late, queued: queued / total })
  }

  turn()
  return promise
}
