import { MOST_FIELDS } from './json.ts'
import { createMatcher } from './matching.ts'
import { type Payload, readPayload } from './payload.ts'
import { createSeries, type Series } from './series.ts'
import { createStates, type States } from './states.ts'

/** A message as streams and the history have it. */
export interface StreamMessage {
  /** The id of its event; retained messages have the number that the stream began at. */
  readonly id: string
  readonly topic: string
  readonly payload?: string
  readonly payloadBase64?: string
  readonly device: string | null
  readonly retain: boolean
  /** When it was measured; then `received` is when it came, where that is not the same. */
  readonly time: string
  readonly received?: string
  readonly properties?: { readonly contentType?: string }
}

export interface Message {
  readonly topic: string
  readonly device: string
  readonly time: number
  readonly received: number
  readonly payload: Payload
}

export interface Topic {
  readonly name: string
  /** The one that was measured last. */
  latest: Message
  /** When the last message came that was measured earlier than another one, by the clock of the page; 0 for never. */
  lateAt: number
  /** The last ones in the order in which they came. */
  readonly messages: Message[]
  /** The paths of the values in its payloads, in the order in which they came first; one without a name is the payload itself. */
  readonly fields: Set<string>
  /** Those that were numbers. */
  readonly series: Map<string, Series>
  /** Those that were something else. */
  readonly states: Map<string, States>
  /** Whether its payloads had more fields than are kept. */
  hasMoreFields: boolean
  /** The id of its message if that came from the log, and the stream has brought none since. */
  fromLog: string | null
}

export interface Topics {
  /** Null for a message that is here already, or finds no room. */
  add(message: StreamMessage): Topic | null
  /** Takes the latest message of a topic in the log; the stream may have brought it, or may do so later. Null as above. */
  addFromLog(message: StreamMessage): Topic | null
  /** Messages are missing here: no line is drawn across. */
  breakAll(time: number): void
  /** Sorted by name. */
  matching(filter: string, titleOf?: (topic: string) => string): Topic[]
  get(name: string): Topic | undefined
  readonly size: number
  /** How many messages were left out because there are too many topics. */
  readonly leftOut: number
}

export const MOST_TOPICS = 10_000
const MOST_MESSAGES = 50
/** Values of one topic: of more, the first names that came are kept. */
export const MOST_SERIES = MOST_FIELDS

export function createTopics(): Topics {
  const topics = new Map<string, Topic>()
  let sorted: Topic[] | null = []
  let leftOut = 0

  function create(message: Message): Topic | null {
    if (topics.size === MOST_TOPICS) {
      leftOut += 1
      return null
    }
    const name = message.topic
    const topic = {
      name,
      latest: message,
      lateAt: 0,
      messages: [],
      fields: new Set<string>(),
      series: new Map(),
      states: new Map(),
      hasMoreFields: false,
      fromLog: null,
    }
    topics.set(name, topic)
    sorted = null
    return topic
  }

  function append(topic: Topic, message: Message): Topic {
    const { time, received } = message
    // a message without a time of its own is always the latest
    const isLate = topic.messages.length > 0 && time !== received && time < topic.latest.time
    if (isLate) topic.lateAt = Date.now()
    else topic.latest = message
    topic.messages.push(message)
    if (topic.messages.length > MOST_MESSAGES) topic.messages.shift()
    keepValues(topic, message)
    return topic
  }

  return {
    add(streamed) {
      const message = toMessage(streamed)
      const topic = topics.get(message.topic)
      if (topic && isNumbered(streamed.id, topic.fromLog, (a, b) => a === b)) return null
      if (topic && isNumbered(streamed.id, topic.fromLog, (a, b) => a < b)) forget(topic)
      else if (topic && streamed.retain && isKnown(topic, message)) return null
      const known = topic ?? create(message)
      if (!known) return null
      known.fromLog = null
      return append(known, message)
    },
    addFromLog(logged) {
      const message = toMessage(logged)
      const topic = topics.get(message.topic)
      // with more than a retained message, the stream brings the latest one itself
      if (topic && (topic.messages.length > 1 || isKnown(topic, message))) return null
      if (topic) forget(topic)
      const known = topic ?? create(message)
      if (!known) return null
      known.fromLog = logged.id
      return append(known, message)
    },
    breakAll(time) {
      for (const { series, states } of topics.values()) {
        for (const one of series.values()) one.add(time, Number.NaN)
        for (const one of states.values()) one.add(time, null)
      }
    },
    matching(filter, titleOf = (topic) => topic) {
      sorted ??= [...topics.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
      if (filter.trim() === '') return sorted
      const matches = createMatcher(filter)
      return sorted.filter(({ name, latest }) => matches(name, latest.device, titleOf(name)))
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

function keepValues(topic: Topic, { time, payload }: Message): void {
  if (payload.leftOut > 0) topic.hasMoreFields = true
  for (const [name, { number, text }] of payload.values) {
    if (!topic.fields.has(name) && topic.fields.size === MOST_SERIES) {
      topic.hasMoreFields = true
      continue
    }
    topic.fields.add(name)
    if (number !== null) seriesOf(topic, name).add(time, number)
    // where a number is missing once, as "NaN" or null, the line breaks
    else if (topic.series.has(name)) seriesOf(topic, name).add(time, Number.NaN)
    if (number === null || topic.states.has(name)) statesOf(topic, name).add(time, text)
  }
}

function seriesOf({ series }: Topic, name: string): Series {
  const known = series.get(name) ?? createSeries()
  series.set(name, known)
  return known
}

function statesOf({ states }: Topic, name: string): States {
  const known = states.get(name) ?? createStates()
  states.set(name, known)
  return known
}

function toMessage(message: StreamMessage): Message {
  const { topic, payload, payloadBase64, device, time, received = time, properties } = message
  return {
    topic,
    device: device ?? '',
    time: Date.parse(time),
    received: Date.parse(received),
    payload: readPayload(payload, payloadBase64, properties?.contentType),
  }
}

/** Forgets its messages, which the stream is about to bring again in order. */
function forget(topic: Topic): void {
  topic.messages.length = 0
  topic.fields.clear()
  topic.series.clear()
  topic.states.clear()
  topic.fromLog = null
}

const ID = /^([0-9a-f]+)-(\d+)/

/** Whether two ids belong to the same log, and `relation` holds for their numbers. */
function isNumbered(
  id: string,
  other: string | null,
  relation: (number: number, other: number) => boolean,
): boolean {
  const [, numbering, number] = ID.exec(id) ?? []
  const [, otherNumbering, otherNumber] = ID.exec(other ?? '') ?? []
  if (number === undefined || numbering !== otherNumbering) return false
  return relation(Number(number), Number(otherNumber))
}

/** After a gap the retained messages come once more. */
function isKnown({ messages }: Topic, { received, device, payload }: Message): boolean {
  const last = messages.at(-1)
  if (last === undefined) return false
  if (received !== last.received) return received < last.received
  return device === last.device && payload.text === last.payload.text
}
