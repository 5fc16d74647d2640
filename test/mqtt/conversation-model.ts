import { topicMatches } from '../../src/topic/match.ts'
import type { Qos } from '../../src/topic/message.ts'
import { TOPICS } from './random-conversations.ts'
import type { Command, Connect, Request, Sent } from './talk.ts'

/** The state of a conversation so far. */
export interface Model {
  /** The part of the command that makes sense now and that aedes does as MQTT says; null where there is none. */
  possible(command: Command): Command | null
  /** Whether the client's session has filters. */
  hasFilters(client: string): boolean
}

interface Known {
  isOpen: boolean
  readonly clean: boolean
  readonly will: Sent | null
  readonly filters: Map<string, Qos>
}

export function createModel(): Model {
  const clients = new Map<string, Known>()

  function connect({ client, clean, will }: Connect): boolean {
    const before = clients.get(client)
    if (before?.isOpen && isOwnWill(before)) return false
    const goesOn = before && !before.clean && !clean
    const filters = goesOn ? before.filters : new Map<string, Qos>()
    clients.set(client, { isOpen: true, clean, will, filters })
    return true
  }

  return {
    hasFilters: (client) => (clients.get(client)?.filters.size ?? 0) > 0,
    possible(command) {
      const known = clients.get(command.client)
      if (command.do === 'connect') return connect(command) ? command : null
      if (!known?.isOpen) return null
      if (command.do === 'disconnect' || command.do === 'drop') known.isOpen = false
      if (command.do === 'unsubscribe') for (const one of command.filters) known.filters.delete(one)
      if (command.do !== 'subscribe') return command
      const subscriptions = apart(command.subscriptions).filter((one) => fits(one, known))
      for (const { topic, qos } of subscriptions) known.filters.set(topic, qos)
      return subscriptions.length === 0 ? null : { ...command, subscriptions }
    },
  }
}

/** Whether a client that is taken over receives its own will. Brokers may differ in which connection that is. */
function isOwnWill({ will, filters }: Known): boolean {
  return will !== null && [...filters.keys()].some((one) => topicMatches(one, will.topic))
}

/** Drops requests that overlap with an earlier one: aedes sends retained messages twice for them. */
function apart(requests: readonly Request[]): Request[] {
  const kept: Request[] = []
  for (const one of requests)
    if (!kept.some((other) => overlap(other.topic, one.topic))) kept.push(one)
  return kept
}

/**
 * Whether a filter overlaps with no other of its session. For overlapping ones aedes uses the QoS of any, and queues a message
 * once for each. Only the copy for a connected client with one QoS can be compared.
 */
function fits({ topic, qos }: Request, { clean, filters }: Known): boolean {
  for (const [other, otherQos] of filters)
    if (other !== topic && overlap(other, topic) && !(clean && qos === otherQos)) return false
  return true
}

function overlap(one: string, other: string): boolean {
  return TOPICS.some((name) => topicMatches(one, name) && topicMatches(other, name))
}
