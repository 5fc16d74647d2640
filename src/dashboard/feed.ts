import type { StreamMessage } from './topics.ts'

/** Why messages may be missing, as the stream's event says it. */
export interface Gap {
  readonly reason: 'unknown_id' | 'expired' | 'restart' | 'overload' | 'damaged' | 'broker_away'
  readonly message: string
}

export interface FeedListener {
  message(message: StreamMessage): void
  /** Messages may be missing before what follows. */
  gap(gap: Gap): void
  live(): void
  /** The connection has been gone, or silent, since then; the page connects again. */
  lost(since: number): void
  /** The stream has ended for good; `code` is the gateway's, null where it gave none. */
  over(code: string | null, message: string): void
}

export interface Feed {
  close(): void
}

const HEARTBEAT_SECONDS = 15
/** A connection without a heartbeat for so long counts as lost: less than half a minute. */
const SILENCE_MS = 22_000
const WATCH_MS = 1000

/**
 * Follows filters from the oldest message that the gateway still has; over a lost connection nothing is missed. A connection that is
 * open but silent, as to a gateway that is frozen or a network that is gone, counts as lost.
 */
export function openFeed(filters: readonly string[], listener: FeedListener): Feed {
  const query = filters.map((filter) => `filter=${encodeURIComponent(filter)}`).join('&')
  let place = 'earliest'
  let heardAt = Date.now()
  let triedAt = heardAt
  let source = connect()
  const watch = setInterval(() => {
    const now = Date.now()
    if (now - Math.max(heardAt, triedAt) < SILENCE_MS) return
    listener.lost(heardAt)
    triedAt = now
    source.close()
    source = connect()
  }, WATCH_MS)

  function connect(): EventSource {
    const url = `/stream?${query}&heartbeat=${HEARTBEAT_SECONDS}&lastEventId=${encodeURIComponent(place)}`
    const opened = new EventSource(url)
    const on = (name: string, take: (event: MessageEvent<string>) => void) =>
      opened.addEventListener(name, (event) => {
        heardAt = Date.now()
        if (event.lastEventId !== '') place = event.lastEventId
        take(event)
      })
    opened.onopen = () => {
      heardAt = Date.now()
      listener.live()
    }
    on('message', ({ data, lastEventId }) =>
      listener.message({ ...JSON.parse(data), id: lastEventId } as StreamMessage),
    )
    on('gap', ({ data }) => listener.gap(JSON.parse(data) as Gap))
    on('heartbeat', () => {})
    on('end', ({ data }) => {
      close()
      const { code, message } = JSON.parse(data) as { code: string; message: string }
      listener.over(code, message)
    })
    opened.onerror = () => {
      triedAt = Date.now()
      if (opened.readyState !== EventSource.CLOSED) return listener.lost(heardAt)
      close()
      listener.over(null, '')
    }
    return opened
  }

  function close(): void {
    clearInterval(watch)
    source.close()
  }

  return { close }
}
