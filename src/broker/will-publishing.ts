import type { Logger } from 'pino'
import { createLogLimit } from '../log/log-limit.ts'
import type { Alarm } from './alarm.ts'
import type { Will } from './session.ts'
import type { Store } from './store/store.ts'
import type { KeptWill } from './store/wills.ts'

/** Resolves once the will is published, or has been refused for good. */
export type PublishWill = (
  session: { device: string; clientId: string },
  will: Will,
) => Promise<void>

/** Publishes wills when they are due. */
export interface WillPublishing {
  /** Starts to publish wills with this function, first those that a crash left behind. */
  start(publish: PublishWill): void
  /** Publishes the will at the end of its delay or of the session, whichever is first [MQTT-3.1.3-9]. */
  publishLater(kept: KeptWill, sessionExpiry: number): void
  publish(kept: KeptWill): void
  isUnderway(kept: KeptWill): boolean
  /** Publishes the wills that are due. Returns the time of the next one, or Infinity. */
  publishDue(): number
  /** Resolves once the wills that are being published are done. */
  settled(): Promise<void>
}

/** After a crash, clients have this long to reconnect before the wills that it left behind are published. */
const AFTER_CRASH_SECONDS = 2
/** The pause before a will that could not be stored is published again. */
const RETRY_MS = 5_000

/** `alarm` calls `publishDue` when a will is due. */
export function createWillPublishing(
  { sessions, wills, now }: Store,
  alarm: Pick<Alarm, 'at'>,
  log: Logger,
): WillPublishing {
  const underway = new Map<KeptWill, Promise<void>>()
  const logLimited = createLogLimit()
  let publishWill: PublishWill | null = null

  function postpone(kept: KeptWill, ms: number): void {
    const due = now() + ms
    wills.postpone(kept, due)
    alarm.at(due)
  }

  function publishAfter(kept: KeptWill, seconds: number): void {
    if (seconds === 0) publish(kept)
    else postpone(kept, seconds * 1000)
  }

  function publish(kept: KeptWill): void {
    if (!publishWill || underway.has(kept)) return
    const published = publishWill(toNames(kept.client), kept.will)
      // it stays in the store until it is published: after a crash it is published again rather than lost
      .then(() => wills.remove(kept))
      .catch((error) => {
        logFailure(kept, error)
        postpone(kept, RETRY_MS)
      })
      .finally(() => underway.delete(kept))
    underway.set(kept, published)
  }

  function logFailure({ client }: KeptWill, error: unknown): void {
    const { device, clientId } = toNames(client)
    // all waiting wills fail together with the store, every few seconds
    logLimited('will', (repeated) =>
      log.error({ err: error, device, client: clientId, ...repeated }, 'cannot publish a will yet'),
    )
  }

  return {
    start(publishBy) {
      publishWill = publishBy
      for (const kept of [...wills.all()]) {
        if (kept.due !== null) continue
        const expiry = sessions.find(kept.client)?.expiry ?? 0
        publishAfter(kept, Math.max(AFTER_CRASH_SECONDS, Math.min(kept.will.delay, expiry)))
      }
      alarm.at(now())
    },
    publishLater(kept, sessionExpiry) {
      publishAfter(kept, Math.min(kept.will.delay, sessionExpiry))
    },
    publish,
    isUnderway: (kept) => underway.has(kept),
    publishDue() {
      let next = Number.POSITIVE_INFINITY
      for (const kept of [...wills.all()]) {
        if (kept.due === null || underway.has(kept)) continue
        if (kept.due <= now()) publish(kept)
        else next = Math.min(next, kept.due)
      }
      return next
    },
    async settled() {
      await Promise.all(underway.values())
    },
  }
}

function toNames(client: string): { device: string; clientId: string } {
  const device = client.split('/', 1)[0] ?? ''
  return { device, clientId: client.slice(device.length + 1) }
}
