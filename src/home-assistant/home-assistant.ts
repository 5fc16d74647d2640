import type { Broker } from '../broker/broker.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { GATEWAY_NAME, type OwnMessages } from '../presence/own-messages.ts'
import type { StatusTopics } from '../presence/status-topics.ts'
import { readSensorConfig, type SensorSource, sensorId, toSensorConfig } from './sensor.ts'

export interface HomeAssistantOptions {
  /** Home Assistant's discovery prefix. */
  readonly prefix: string
  /** Most numbers that are announced. */
  readonly sensors: number
  readonly broker: Pick<Broker, 'retained'>
  readonly catalog: () => Catalog
  readonly statusTopics: StatusTopics
  readonly own: Pick<OwnMessages, 'put'>
}

/** Announces the numbers that the topics file names, as retained messages that Home Assistant discovers. */
export interface HomeAssistant {
  /** Reads what was announced before, and takes back what the file does not name any more. */
  restore(): Promise<void>
  /** Announces what is known of a topic, or takes it back: `hasNumber` says whether a payload of it was a number, null that it is gone. */
  note(device: string, topic: string, hasNumber: boolean | null): void
  /** The catalog is another one: takes back what it does not name. What it names now is noted again. */
  recheck(): void
  /** How many numbers found no room. */
  readonly overflowed: number
}

interface Announced {
  readonly device: string
  readonly topic: string
  readonly config: string
}

export function createHomeAssistant(options: HomeAssistantOptions): HomeAssistant {
  const { prefix, broker, catalog, statusTopics, own } = options
  // by the ids of sensors
  const announced = new Map<string, Announced>()
  let overflowed = 0

  const topicOf = (id: string) => `${prefix}/sensor/${id}/config`

  function sourcesOf(device: string, topic: string): SensorSource[] {
    const { entry, silenceMs } = catalog().of(topic)
    if (entry === null) return []
    const statusTopic = statusTopics.ofTopic(device, topic)
    return entry.fields.map((field) => ({ device, topic, entry, field, silenceMs, statusTopic }))
  }

  function announce(source: SensorSource): void {
    const id = sensorId(source)
    const config = toSensorConfig(source)
    if (announced.get(id)?.config === config) return
    if (!announced.has(id) && announced.size >= options.sensors) {
      overflowed += 1
      return
    }
    const { device, topic } = source
    announced.set(id, { device, topic, config })
    own.put(topicOf(id), {
      payload: config,
      properties: { payloadFormatIndicator: 1, contentType: 'application/json' },
    })
  }

  function takeBack(id: string): void {
    if (announced.delete(id)) own.put(topicOf(id), { payload: '', properties: null })
  }

  function recheck(): void {
    for (const [id, { device, topic }] of [...announced]) {
      const source = sourcesOf(device, topic).find((one) => sensorId(one) === id)
      if (source) announce(source)
      else takeBack(id)
    }
  }

  return {
    async restore() {
      for (const { topic, payload, device } of await broker.retained(topicOf('+'))) {
        const id = topic.split('/').at(-2) ?? ''
        const config = payload.toString()
        const about = readSensorConfig(config)
        if (about === null || (device !== null && device !== GATEWAY_NAME)) continue
        announced.set(id, { ...about, config })
      }
      recheck()
    },
    note(device, topic, hasNumber) {
      for (const source of sourcesOf(device, topic)) {
        if (hasNumber === null) takeBack(sensorId(source))
        // a member of JSON payloads is announced by its line alone
        else if (hasNumber || source.field.field !== null) announce(source)
      }
    },
    recheck,
    get overflowed() {
      return overflowed
    },
  }
}
