import type { Logger } from 'pino'
import { createLogLimit } from '../log/log-limit.ts'
import { createAlarm } from './alarm.ts'
import { redistribute } from './redistribution.ts'
import type { Routing } from './routing.ts'
import type { ClientLink, EndReason, Session, Will } from './session.ts'
import type { Store } from './store/store.ts'
import { createWillPublishing, type PublishWill } from './will-publishing.ts'

/** What a CONNECT asks of the broker. */
export interface OpenRequest {
  /** `DEVICE/CLIENT_ID`. */
  readonly client: string
  /** Whether an earlier session of the client is ended first. */
  readonly cleanStart: boolean
  /** Seconds that the session outlives its connection. */
  readonly expiry: number
  readonly will: Will | null
  readonly link: ClientLink
}

/** The session that a CONNECT has got. */
export interface OpenedSession {
  readonly session: Session
  /** Whether the session existed before [MQTT-3.2.2-2]. */
  readonly isPresent: boolean
}

/** How a connection has ended. */
export interface CloseRequest {
  readonly sendsWill: boolean
  /** Replaces the session's expiry, in seconds; null leaves it unchanged. */
  readonly expiry: number | null
}

/** Knows the connection of each client id; ends sessions and publishes wills when connections are gone. */
export interface Registry {
  /**
   * Makes `link` the client's only connection [MQTT-3.1.4-3] at once, and ends an earlier one. Resolves once its will is stored
   * and an earlier will is removed; null if there are too many sessions. The caller must check whether its link was ended in
   * the meantime.
   */
  open(request: OpenRequest): Promise<OpenedSession | null>
  /** The link's connection has ended. Does nothing for a link that has lost its session already. */
  close(session: Session, link: ClientLink, request: CloseRequest): void
  /** Starts to publish wills with this function, first those that a crash left behind. */
  publishWillsBy(publish: PublishWill): void
  /** Ends every connection; resolves once their wills are published. */
  endAll(reason: EndReason): Promise<void>
  stop(): void
}

export function createRegistry(store: Store, routing: Routing, log: Logger): Registry {
  const { sessions, queueing, wills, now } = store
  const logLimited = createLogLimit()
  const alarm = createAlarm(check, now)
  const willPublishing = createWillPublishing(store, alarm, log)

  function logNotMoved(error: unknown): void {
    logLimited('shared', (repeated) =>
      log.error({ err: error, ...repeated }, 'cannot pass a shared message to another member'),
    )
  }

  async function open(request: OpenRequest): Promise<OpenedSession | null> {
    const { client, expiry, will, link } = request
    if (will && !wills.hasRoom(client, will)) return null
    const opened = takeSession(request)
    if (!opened) return null
    const { session } = opened
    const isCancelled = cancelWill(client)
    session.link = link
    session.expiry = expiry
    queueing.resume(session)
    sessions.touch(session)
    try {
      if (will) await keepWill(session, link, will)
      // otherwise a crash after CONNACK would make the next gateway publish it
      else if (isCancelled) await store.stored()
    } catch (error) {
      close(session, link, { sendsWill: false, expiry: null })
      throw error
    }
    return opened
  }

  /** Ends the client's other connection; returns its session, or a new one. Null if there is no room for one. */
  function takeSession({ client, cleanStart, expiry }: OpenRequest): OpenedSession | null {
    const before = sessions.find(client)
    if (before) endLink(before, 'taken_over')
    const kept = sessions.find(client)
    if (kept && (cleanStart || sessions.isExpired(kept))) endSession(kept)
    const present = sessions.find(client)
    const session = present ?? sessions.create(client, expiry)
    return session ? { session, isPresent: present !== undefined } : null
  }

  /** Removes a will that waits for the client to stay away [MQTT-3.1.3-9]; returns whether there was one. */
  function cancelWill(client: string): boolean {
    const waiting = wills.get(client)
    if (!waiting || willPublishing.isUnderway(waiting)) return false
    wills.remove(waiting)
    return true
  }

  async function keepWill(session: Session, link: ClientLink, will: Will): Promise<void> {
    const kept = await wills.put(session.client, will)
    // a connection that ended in the meantime was refused, and has no will
    if (session.link !== link) wills.remove(kept)
  }

  /** Ends a connection. A session that goes on keeps its shared messages: its client is back at once, or the gateway stops. */
  function endLink(session: Session, reason: EndReason): void {
    const { link } = session
    if (!link) return
    // a client that has no CONNACK yet has no will either
    const sendsWill = link.isOpen()
    link.end(reason)
    if (session.link === link) detach(session, { sendsWill, expiry: null })
  }

  function close(session: Session, link: ClientLink, request: CloseRequest): void {
    if (session.link !== link) return
    detach(session, request)
    if (!session.isClosed) redistribute(session, store, routing, logNotMoved)
  }

  function detach(session: Session, { sendsWill, expiry }: CloseRequest): void {
    session.link = null
    if (expiry !== null) session.expiry = expiry
    const will = wills.get(session.client)
    if (will && !sendsWill) wills.remove(will)
    else if (will) willPublishing.publishLater(will, session.expiry)
    sessions.touch(session)
    if (session.expiry === 0) endSession(session)
    else alarm.at(now() + session.expiry * 1000)
  }

  function endSession(session: Session): void {
    for (const subscription of session.subscriptions.values()) routing.remove(subscription)
    sessions.drop(session)
    redistribute(session, store, routing, logNotMoved)
    queueing.discardAll(session)
    const will = wills.get(session.client)
    if (will && will.due !== null) willPublishing.publish(will)
  }

  /** Ends expired sessions and publishes the wills that are due. Returns the time of the next check. */
  function check(): number {
    let next = Number.POSITIVE_INFINITY
    for (const session of [...sessions.all()]) {
      if (session.link) continue
      if (sessions.isExpired(session)) {
        endSession(session)
        store.noteExpiredSession()
      } else next = Math.min(next, session.lastSeen + session.expiry * 1000)
    }
    return Math.min(next, willPublishing.publishDue())
  }

  return {
    open,
    close,
    publishWillsBy: willPublishing.start,
    async endAll(reason) {
      // sessions that outlive the connection come last: they inherit shared messages from the others
      const all = [...sessions.all()].sort((a, b) => a.expiry - b.expiry)
      for (const session of all) endLink(session, reason)
      await willPublishing.settled()
    },
    stop: alarm.stop,
  }
}
