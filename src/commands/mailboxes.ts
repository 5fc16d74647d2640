import {
  type ClientLink,
  COMMANDS_CLIENT_ID,
  type Session,
  subscriptionBytes,
} from '../broker/session.ts'
import type { BrokerSessions } from '../broker/session-broker.ts'
import { GatewayError } from '../errors.ts'

/** The commands of one device, for the time of one request. */
export interface Mailbox {
  readonly session: Session
  /** Calls `onChange` when a command comes, and when the gateway stops, until the returned function is called. */
  listen(onChange: () => void): () => void
  leave(): void
}

export interface Mailboxes {
  /** Opens the device's mailbox with these filters. Rejects when there is no room for it. */
  enter(device: string, filters: readonly string[]): Promise<Mailbox>
}

interface Open {
  readonly device: string
  readonly listeners: Set<() => void>
  readonly link: ClientLink
  readonly opened: Promise<Session>
  session: Session | null
  visitors: number
}

/**
 * The sessions that commands wait in, one per device, created at its first request. All requests of a device share one connection
 * to its session, so that they do not end each other; it lasts as long as any of them.
 */
export function createMailboxes(sessions: BrokerSessions, expiry: number): Mailboxes {
  const boxes = new Map<string, Open>()

  function open(device: string, filters: readonly string[]): Open {
    const listeners = new Set<() => void>()
    const box: Open = {
      device,
      listeners,
      link: createLink(listeners, () => forget(box)),
      opened: Promise.resolve().then(() => openSession(box, filters)),
      session: null,
      visitors: 0,
    }
    boxes.set(device, box)
    return box
  }

  async function openSession(box: Open, filters: readonly string[]): Promise<Session> {
    const client = `${box.device}/${COMMANDS_CLIENT_ID}`
    const request = { client, cleanStart: false, expiry, will: null, link: box.link }
    const opened = await sessions.open(request)
    if (!opened) throw noRoom('sessions', 'WOTT_MAX_SESSIONS, WOTT_MAX_SESSIONS_PER_DEVICE')
    box.session = opened.session
    await subscribe(opened.session, filters).catch((error) => {
      throw error instanceof GatewayError ? error : notStored(error)
    })
    return opened.session
  }

  /** Gives the session exactly these subscriptions, and the retained messages for new ones. */
  async function subscribe(session: Session, filters: readonly string[]): Promise<void> {
    const missing = filters.filter((name) => !session.subscriptions.has(name))
    const needless = [...session.subscriptions.keys()].filter((name) => !filters.includes(name))
    if (needless.length > 0) await sessions.unsubscribe(session, needless).stored
    if (missing.length === 0) return
    const bytes = missing.reduce((sum, name) => sum + subscriptionBytes(name), 0)
    if (bytes > sessions.subscriptionRoom(session).bytes) {
      sessions.refuseSubscription(session)
      throw noRoom('memory', 'WOTT_MEMORY_BYTES_PER_DEVICE')
    }
    const requested = missing.map((name) => ({ name, ...OPTIONS }))
    await sessions.subscribe(session, requested).stored
    await bringRetained(session, missing)
  }

  async function bringRetained(session: Session, filters: readonly string[]): Promise<void> {
    const match = { session, ...OPTIONS, identifiers: null, group: null }
    for await (const message of sessions.retainedBy(filters)) {
      if (!sessions.hasRoomForRetained(session)) return
      await sessions.enqueueRetained(match, message, OPTIONS.qos)
    }
  }

  function forget(box: Open): void {
    if (boxes.get(box.device) === box) boxes.delete(box.device)
  }

  function leave(box: Open): void {
    box.visitors -= 1
    if (box.visitors > 0) return
    forget(box)
    if (box.session) sessions.close(box.session, box.link, { sendsWill: false, expiry: null })
  }

  return {
    async enter(device, filters) {
      const box = boxes.get(device) ?? open(device, filters)
      box.visitors += 1
      try {
        const session = await box.opened
        return {
          session,
          listen(onChange) {
            box.listeners.add(onChange)
            return () => box.listeners.delete(onChange)
          },
          leave: () => leave(box),
        }
      } catch (error) {
        leave(box)
        throw error
      }
    },
  }
}

const OPTIONS = { qos: 1, noLocal: false, retainAsPublished: true, identifier: 0 } as const

function createLink(listeners: ReadonlySet<() => void>, onEnd: () => void): ClientLink {
  const since = Date.now()
  const wake = () => {
    for (const onChange of [...listeners]) onChange()
  }
  return {
    // messages that do not wait are from before the subscription
    deliver() {},
    wake,
    end() {
      onEnd()
      wake()
    },
    isOpen: () => true,
    hasRoom: () => true,
    // whoever waits here has a connection of its own for each request
    whereabouts: () => ({ door: 'device', address: undefined, protocol: 'HTTP', since }),
  }
}

function noRoom(what: string, settings: string): GatewayError {
  return new GatewayError(
    'quota_exceeded',
    `Commands cannot wait for this device, because the limit on ${what} is reached (${settings}).`,
    { retryAfter: 60 },
  )
}

/** The refusal of a request whose change could not be stored. */
export function notStored(cause: unknown): GatewayError {
  return new GatewayError(
    'broker_unavailable',
    'The store cannot be written at the moment. Try again later.',
    {
      cause,
      retryAfter: 1,
    },
  )
}
