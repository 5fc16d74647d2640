import { ask } from './ask.ts'
import { plainLabel } from './source.ts'
import type { Topic } from './topics.ts'

/** What the topics file says of a number. */
export interface NumberInfo {
  /** The path of the JSON member; null for the whole payload. */
  readonly field: string | null
  readonly name: string | null
  readonly unit: string | null
  readonly min: number | null
  readonly max: number | null
}

interface Pattern {
  readonly pattern: string
  /** In seconds; null for never. */
  readonly silence: number | null
  readonly fields: readonly NumberInfo[]
}

interface Answer {
  readonly silence: number | null
  readonly patterns: readonly Pattern[]
}

/** Names, units, limits and silences of topics, from the gateway's topics file. */
export interface Infos {
  /** Asks the gateway; resolves to whether anything has changed. */
  load(): Promise<boolean>
  /** What people call the topic. */
  titleOf(topic: string): string
  /** What people call one of its numbers, with the unit. */
  labelOf(topic: string, field: string): string
  /** The number with its unit. */
  withUnit(topic: string, field: string, number: string): string
  /** Which limit a number is beyond; empty where it is not. */
  beyond(topic: string, field: string, value: number): string
  /** Whether a topic has not been heard for longer than it may be silent. */
  isSilent(topic: Topic, now: number): boolean
}

const GATEWAY = '$gateway'
const NOTHING: Answer = { silence: null, patterns: [] }

export function createInfos(): Infos {
  let known = NOTHING
  let text = JSON.stringify(known)
  // by topic; null where no pattern matches
  const found = new Map<string, Pattern | null>()

  function of(topic: string): Pattern | null {
    let pattern = found.get(topic)
    if (pattern === undefined) {
      pattern = known.patterns.find((each) => covers(each.pattern, topic)) ?? null
      found.set(topic, pattern)
    }
    return pattern
  }

  function numberOf(topic: string, field: string): NumberInfo | undefined {
    return of(topic)?.fields.find((each) => (each.field ?? '') === field)
  }

  function nameOf(topic: string, field: string): string {
    const pattern = of(topic)?.pattern
    const name = numberOf(topic, field)?.name
    if (!name || pattern === undefined) return plainLabel(topic, field)
    const places = placesOf(pattern, topic)
    return name.replaceAll(/%([1-9])/g, (_, digit) => places[Number(digit) - 1] ?? '')
  }

  return {
    async load() {
      const answer = await ask<Answer>('/topics-info')
      if ('failure' in answer) return false
      const next = JSON.stringify(answer)
      if (next === text) return false
      known = answer
      text = next
      found.clear()
      return true
    },
    titleOf: (topic) => nameOf(topic, ''),
    labelOf(topic, field) {
      const unit = numberOf(topic, field)?.unit
      return unit ? `${nameOf(topic, field)} (${unit})` : nameOf(topic, field)
    },
    withUnit(topic, field, number) {
      const unit = numberOf(topic, field)?.unit
      return unit ? `${number} ${unit}` : number
    },
    beyond(topic, field, value) {
      const { min = null, max = null, unit } = numberOf(topic, field) ?? {}
      const limit = (number: number) => (unit ? `${number} ${unit}` : String(number))
      if (min !== null && value < min) return `below ${limit(min)}`
      return max !== null && value > max ? `above ${limit(max)}` : ''
    },
    isSilent({ name, messages, latest }, now) {
      const { silence } = of(name) ?? known
      const heard = messages.at(-1)?.received ?? latest.received
      // the gateway's own messages are never silent
      if (latest.device === GATEWAY || name.startsWith('$')) return false
      return silence !== null && now - heard > silence * 1000
    },
  }
}

/** Whether a filter covers a topic [MQTT 3.1.1 §4.7]; no pattern of the file begins with "$". */
function covers(filter: string, topic: string): boolean {
  const [wanted, levels] = [filter.split('/'), topic.split('/')]
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false
  for (const [at, level] of wanted.entries()) {
    if (level === '#') return true
    if (levels[at] === undefined || (level !== '+' && level !== levels[at])) return false
  }
  return wanted.length === levels.length
}

/** What the wildcards of a filter stand for in a topic that it covers. */
function placesOf(filter: string, topic: string): string[] {
  const levels = topic.split('/')
  return filter.split('/').flatMap((level, at) => {
    if (level === '+') return [levels[at] ?? '']
    return level === '#' ? [levels.slice(at).join('/')] : []
  })
}
