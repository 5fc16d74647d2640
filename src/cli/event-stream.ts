/** One event of a stream, as in the HTML standard. */
export interface StreamEvent {
  /** `message` if the stream does not name it. */
  readonly event: string
  readonly data: string
}

export interface EventStream {
  /** The `Last-Event-ID` with which to continue after the last event; empty before the first. */
  readonly lastEventId: string
  /** How long to wait before asking again, in milliseconds. */
  readonly retry: number
  /** Takes the next piece of the stream, and yields the events that it completes. */
  push(text: string): Iterable<StreamEvent>
  /** Forgets a line that was cut off with the connection. */
  cut(): void
}

/** Reads `text/event-stream` (https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation). */
export function createEventStream(): EventStream {
  let rest = ''
  let id = ''
  let lastEventId = ''
  let retry = 2000
  let event = ''
  let data: string[] = []

  function* push(text: string): Generator<StreamEvent> {
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line === '') {
        lastEventId = id
        if (data.length > 0) yield { event: event || 'message', data: data.join('\n') }
        event = ''
        data = []
      } else take(line)
    }
  }

  function take(line: string): void {
    const [, name = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
    if (name === 'data') data.push(value)
    else if (name === 'event') event = value
    else if (name === 'id' && !value.includes('\0')) id = value
    else if (name === 'retry' && /^\d+$/.test(value)) retry = Number(value)
  }

  return {
    get lastEventId() {
      return lastEventId
    },
    get retry() {
      return retry
    },
    push,
    cut() {
      rest = ''
      id = lastEventId
      event = ''
      data = []
    },
  }
}
