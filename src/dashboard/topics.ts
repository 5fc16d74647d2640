import { type Payload, readPayload } from './payload.ts'
import { createSeries, type Series } from './series.ts'

/** One event of the stream, as CONTRACT part 4 has it. */
export interface StreamMessage {
  readonly topic: string
  readonly payload?: string
  readonly payloadBase64?: string
  readonly device: string | null
  readonly retain: boolean
  readonly time: string
  readonly properties?: { readonly contentType?: string }
}

export interface Message {
  readonly topic: string
  readonly device: string
  readonly time: number
  readonly payload: Payload
}

export interface Topic {
  readonly name: string
  latest: Message
  /** The last ones, oldest first. */
  readonly messages: Message[]
  /** By the name of the number in its payloads. */
  readonly series: Map<string, Series>
}

export interface Topics {
  /** Null for a message that is here already, or finds no room. */
  add(message: StreamMessage): Topic | null
  /** Messages are missing here: no line is drawn across. */
  breakAll(time: number): void
  /** Sorted by name. */
  matching(filter: string): Topic[]
  get(name: string): Topic | undefined
  readonly size: number
  /** How many messages were left out because there are too many topics. */
  readonly leftOut: number
}

export const MOST_TOPICS = 10_000
const MOST_MESSAGES = 50
/** Numbers in the payloads of one topic: of more, the first names that came are drawn. */
export const MOST_SERIES = 16

export function createTopics(): Topics {
  const topics = new Map<string, Topic>()
  let sorted: Topic[] | null = []
  let leftOut = 0

  return {
    add({ topic: name, payload: text, payloadBase64, device, retain, time: iso, properties }) {
      const payload = readPayload(text, payloadBase64, properties?.contentType)
      const message: Message = { topic: name, device: device ?? '', time: Date.parse(iso), payload }
      let topic = topics.get(name)
      if (topic && retain && isKnown(topic, message)) return null
      if (!topic) {
        if (topics.size === MOST_TOPICS) {
          leftOut += 1
          return null
        }
        topic = { name, latest: message, messages: [], series: new Map() }
        topics.set(name, topic)
        sorted = null
      }
      topic.latest = message
      topic.messages.push(message)
      if (topic.messages.length > MOST_MESSAGES) topic.messages.shift()
      for (const [number, value] of payload.numbers) {
        const known = topic.series.get(number)
        if (!known && topic.series.size === MOST_SERIES) continue
        const series = known ?? createSeries()
        topic.series.set(number, series)
        series.add(message.time, value)
      }
      return topic
    },
    breakAll(time) {
      for (const { series } of topics.values())
        for (const one of series.values()) one.add(time, Number.NaN)
    },
    matching(filter) {
      sorted ??= [...topics.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
      const wanted = filter.trim().toLowerCase()
      if (wanted === '') return sorted
      return sorted.filter(
        ({ name, latest }) =>
          name.toLowerCase().includes(wanted) || latest.device.toLowerCase().includes(wanted),
      )
    },
    get: (name) => topics.get(name),
    get size() {
      return topics.size
    },
    get leftOut() {
      return leftOut
    },
  }
}

/** After a gap the retained messages come once more. */
function isKnown({ latest }: Topic, { time, device, payload }: Message): boolean {
  if (time !== latest.time) return time < latest.time
  return device === latest.device && payload.text === latest.payload.text
}
