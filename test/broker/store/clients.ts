import type { Delivery } from '../../../src/broker/delivery.ts'
import type { CloseRequest, OpenRequest } from '../../../src/broker/registry.ts'
import type {
  ClientLink,
  EndReason,
  Session,
  SubscriptionOptions,
} from '../../../src/broker/session.ts'
import type { BrokerSessions } from '../../../src/broker/session-broker.ts'
import type { QueueEntry } from '../../../src/broker/store/queue-types.ts'
import type { Qos } from '../../../src/topic/message.ts'

const HOUR_SECONDS = 3_600

/** A connection that records what the broker tells it. */
export interface RecordingLink extends ClientLink {
  isOpen: () => boolean
  hasRoom: () => boolean
  /** Deliveries with QoS 0. */
  readonly delivered: Delivery[]
  /** How many times it was told that its queue has something to send. */
  woken: number
  readonly ends: EndReason[]
}

/** A client without a socket: it calls the broker as `mqtt/` does. */
export interface TestClient {
  readonly session: Session
  /** Whether its session existed before. */
  readonly isPresent: boolean
  readonly link: RecordingLink
  subscribe(name: string, qos: Qos, options?: Partial<SubscriptionOptions>): Promise<void>
  unsubscribe(...names: string[]): Promise<void>
  /** Its queue, in the order of sending. */
  entries(): QueueEntry[]
  /** The payloads of its queue; `PUBREL` where only that is left. */
  queued(): string[]
  /** Sends from its queue, with at most `window` in flight. */
  send(window?: number): QueueEntry[]
  acknowledge(...entries: QueueEntry[]): void
  /** Ends its connection, without DISCONNECT unless `request` says otherwise. */
  leave(request?: Partial<CloseRequest>): void
}

/** Connects; rejects where the broker has no room for the session. */
export async function connectClient(
  sessions: BrokerSessions,
  client: string,
  terms: Partial<OpenRequest> = {},
): Promise<TestClient> {
  const link = createLink(sessions)
  const opened = await sessions.open({
    client,
    cleanStart: false,
    expiry: HOUR_SECONDS,
    will: null,
    link,
    ...terms,
  })
  if (!opened) throw new Error('there is no room for its session')
  const { session, isPresent } = opened
  link.isOpen = () => true

  function send(window = Number.POSITIVE_INFINITY): QueueEntry[] {
    const sent: QueueEntry[] = []
    while (session.queue.inFlight() < window) {
      const entry = sessions.next(session)
      if (!entry) break
      sessions.sent(session, entry)
      sent.push(entry)
    }
    return sent
  }

  return {
    session,
    isPresent,
    link,
    subscribe: (name, qos, options) =>
      sessions
        .subscribe(session, [
          { name, qos, noLocal: false, retainAsPublished: false, identifier: 0, ...options },
        ])
        .stored.then(() => {}),
    unsubscribe: (...names) => sessions.unsubscribe(session, names).stored.then(() => {}),
    entries: () => session.queue.admitted(),
    queued: () => payloadsOf(session.queue.admitted()),
    send,
    acknowledge(...entries) {
      for (const entry of entries) sessions.settle(session, entry)
    },
    leave: (request) =>
      sessions.close(session, link, { sendsWill: true, expiry: null, ...request }),
  }
}

export function payloadsOf(entries: readonly QueueEntry[]): string[] {
  return entries.map(({ message }) => (message === null ? 'PUBREL' : String(message.payload)))
}

function createLink(sessions: BrokerSessions): RecordingLink {
  const delivered: Delivery[] = []
  const ends: EndReason[] = []
  const link: RecordingLink = {
    isOpen: () => false,
    hasRoom: () => true,
    whereabouts: () => ({ door: 'mqtt', address: '192.0.2.1', protocol: '5', since: 0 }),
    delivered,
    woken: 0,
    ends,
    deliver(delivery, qos, match) {
      const retain = match.retainAsPublished && delivery.retain
      if (qos === 0) delivered.push({ ...delivery, retain })
      else sessions.push(match, delivery, qos, retain)
    },
    wake() {
      link.woken += 1
    },
    end(reason) {
      link.isOpen = () => false
      ends.push(reason)
    },
  }
  return link
}
