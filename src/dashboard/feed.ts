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
  /** The connection is gone, and the browser tries again by itself. */
  lost(): void
  /** It will not come back by itself; the code is the gateway's, or null when it has not said any. */
  over(code: string | null, message: string): void
}

export interface Feed {
  close(): void
}

/** Follows filters from the oldest message that the gateway still has; over a lost connection nothing is missed. */
export function openFeed(filters: readonly string[], listener: FeedListener): Feed {
  const query = filters.map((filter) => `filter=${encodeURIComponent(filter)}`).join('&')
  const source = new EventSource(`/stream?${query}&lastEventId=earliest`)
  source.onopen = () => listener.live()
  source.onmessage = ({ data, lastEventId }) =>
    listener.message({ ...JSON.parse(data), id: lastEventId } as StreamMessage)
  source.addEventListener('gap', ({ data }) => listener.gap(JSON.parse(data) as Gap))
  source.addEventListener('end', ({ data }) => {
    source.close()
    const { code, message } = JSON.parse(data) as { code: string; message: string }
    listener.over(code, message)
  })
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) listener.over(null, '')
    else listener.lost()
  }
  return { close: () => source.close() }
}
