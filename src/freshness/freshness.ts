import { setTimeout as pause } from 'node:timers/promises'
import type { BrokerLog } from '../broker/broker.ts'
import type { OpenedBroker } from '../broker/open.ts'
import type { TopicsFile } from '../catalog/topics-file.ts'
import type { Config } from '../config/load.ts'
import { messageOf } from '../errors.ts'
import { createHomeAssistant, type HomeAssistant } from '../home-assistant/home-assistant.ts'
import type { WatchedPresence } from '../metrics/presence.ts'
import type { Reports } from '../metrics/reports.ts'
import { createOwnMessages } from '../presence/own-messages.ts'
import { openPresence, type Presence } from '../presence/presence.ts'
import { createStatusTopics } from '../presence/status-topics.ts'

export interface FreshnessOptions {
  readonly broker: Pick<OpenedBroker, 'publish' | 'follow' | 'retained' | 'uplink'>
  readonly readTopics: BrokerLog['readTopics']
  /** Milliseconds that the latest message of a topic is kept. */
  readonly ttlMs: number
  readonly catalog: TopicsFile
  readonly reports: Pick<Reports, 'log' | 'logLimited'>
}

/** What the gateway itself publishes about devices: their status topics, and their discovery by Home Assistant. */
export interface Freshness extends WatchedPresence {
  close(): Promise<void>
}

/** What another broker retains cannot be read while it is away. */
const RETRY_MS = 5_000

/** Begins to watch which topics are silent; what was heard before is read from the log meanwhile. */
export async function openFreshness(
  settings: Config['topics'],
  { broker, readTopics, ttlMs, catalog, reports: { log, logLimited } }: FreshnessOptions,
): Promise<Freshness> {
  const { prefix, sensors } = settings.homeAssistant
  const statusTopics = createStatusTopics(settings.statusTopic)
  const own = createOwnMessages(broker, (error) =>
    logLimited('own', (repeated) =>
      log.error(
        { reason: messageOf(error), ...repeated },
        'cannot publish the status of devices yet',
      ),
    ),
  )
  const closing = new AbortController()
  const current = () => catalog.current
  const isUsed = settings.file !== undefined || settings.silenceMs !== null
  const presence = await openPresence({
    broker,
    readTopics,
    catalog: current,
    statusTopics,
    own,
    isUsed,
    watchesNumbers: prefix !== null,
    topics: settings.watched,
    topicsPerDevice: settings.watchedPerDevice,
    ttlMs,
  })
  const announcing =
    prefix === null
      ? null
      : createHomeAssistant({
          broker,
          catalog: current,
          statusTopics,
          own,
          prefix,
          sensors,
        })
  if (announcing) connect(presence, announcing)
  if (announcing && !settings.file)
    log.warn('WOTT_HOME_ASSISTANT needs a topics file: set WOTT_TOPICS_FILE')
  catalog.onChange(() => {
    announcing?.recheck()
    presence.recheck()
  })

  async function restore(): Promise<void> {
    while (!closing.signal.aborted)
      try {
        await announcing?.restore()
        await presence.restore()
        break
      } catch (error) {
        logLimited('heard', (repeated) =>
          log.error(
            { reason: messageOf(error), ...repeated },
            'cannot read yet when devices were last heard',
          ),
        )
        // what is heard from now on is published without waiting for that
        own.start()
        await pause(RETRY_MS, null, { ref: false, signal: closing.signal }).catch(() => {})
      }
    own.start()
  }

  // unused statuses on another broker are not worth a request
  const restored = isUsed || !broker.uplink ? restore() : Promise.resolve()
  return {
    *topics() {
      for (const { device, topic, info, state } of presence.all())
        if (info.silenceMs !== null) yield { device, topic, isSilent: state === 'offline' }
    },
    overflowed: () => presence.overflowed,
    unannounced: () => announcing?.overflowed ?? 0,
    async close() {
      closing.abort()
      own.close()
      await restored
      await presence.close()
    },
  }
}

function connect(presence: Presence, announcing: HomeAssistant): void {
  presence.onChange((device, topic) => {
    const heard = presence.find(device, topic)
    announcing.note(device, topic, heard?.isNumber ?? null)
  })
}
