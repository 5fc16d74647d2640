import type { HeardTopic, HeardTopics } from './heard.ts'
import type { OwnMessages } from './own-messages.ts'
import { NO_STATUS, statusMessage } from './status-message.ts'
import type { StatusTopics } from './status-topics.ts'

export type Statuses = ReturnType<typeof createStatuses>

/** Publishes the status of each watched topic, and of each device by its topics. */
export function createStatuses(
  heard: HeardTopics,
  statusTopics: StatusTopics,
  own: Pick<OwnMessages, 'put'>,
) {
  // what the status topic of each device holds
  const published = new Map<string, string>()

  /** Publishes the state of the topic and of its device, unless their status topics hold it already. */
  function publish(topic: HeardTopic): void {
    if (topic.published !== topic.state) {
      topic.published = topic.state
      own.put(statusTopics.ofTopic(topic.device, topic.topic), statusMessage(topic))
    }
    publishDevice(topic.device)
  }

  /** The state of a device is that of the topic that it used last; it is online while any of its topics is. */
  function publishDevice(device: string): void {
    let latest: HeardTopic | null = null
    for (const topic of heard.of(device)) {
      if (topic.info.silenceMs === null) continue
      if (latest === null || rank(topic) > rank(latest)) latest = topic
    }
    if (latest === null || published.get(device) === latest.state) return
    published.set(device, latest.state)
    own.put(statusTopics.ofDevice(device), statusMessage(latest))
  }

  /** Empties the status topic of a device that has no watched topic left. */
  function refreshDevice(device: string): void {
    if (isWatched(device)) publishDevice(device)
    else if (published.delete(device)) own.put(statusTopics.ofDevice(device), NO_STATUS)
  }

  function isWatched(device: string): boolean {
    for (const { info } of heard.of(device)) if (info.silenceMs !== null) return true
    return false
  }

  return {
    publish,
    refreshDevice,
    /** Empties the status topic of a topic that is not watched any more. */
    clear(topic: HeardTopic): void {
      if (topic.published !== null)
        own.put(statusTopics.ofTopic(topic.device, topic.topic), NO_STATUS)
      refreshDevice(topic.device)
    },
    /** The status topic of a device holds `payload` from before. */
    restoreDevice(device: string, payload: string): void {
      published.set(device, payload)
    },
  }
}

function rank({ state, received }: HeardTopic): number {
  return state === 'online' ? Number.POSITIVE_INFINITY : received
}
