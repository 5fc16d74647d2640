import { toMatch } from '../broker/route-match.ts'
import type { Subscription } from '../broker/session.ts'
import type { Qos } from '../topic/message.ts'
import { createTopicTrie, type TopicTrie } from '../topic/trie.ts'
import type { Client, MqttWorld } from './client.ts'
import { ProtocolError, Reason } from './reasons.ts'
import type { Sender } from './send.ts'

/** Work of one device before it counts against its share of the event loop. */
const SLICE_MS = 0.5

/** Sends retained messages to new subscriptions, as fast as the client takes them. */
export interface RetainedSender {
  send(subscriptions: readonly Subscription[]): void
  /** There may be room again. */
  resume(): void
}

/**
 * One walk at a time: subscriptions that come meanwhile wait for the next walk. Each filter waits only once, so the number of
 * filters of a session bounds the work. Calls `onDone` when nothing waits any more.
 */
export function createRetainedSender(
  client: Client,
  { sessions, turns }: MqttWorld,
  sender: Sender,
  onDone: () => void,
): RetainedSender {
  const { session, access } = client
  const waiting = new Map<string, Subscription>()
  let isWalking = false
  let roomComes: (() => void) | null = null
  // milliseconds of work since the last turn
  let spent = 0

  function start(): void {
    isWalking = true
    walk()
      .catch(() => client.fail(new ProtocolError(Reason.unspecifiedError, 'cannot be served')))
      .finally(() => {
        isWalking = false
        if (waiting.size > 0 && client.isOpen()) start()
        else onDone()
      })
  }

  async function walk(): Promise<void> {
    while (waiting.size > 0 && client.isOpen()) {
      const subscriptions = [...waiting.values()]
      waiting.clear()
      const byFilter = createTopicTrie<Subscription>()
      for (const subscription of subscriptions) byFilter.set(subscription.filter, subscription)
      for await (const { topic } of sessions.retainedBy(
        subscriptions.map(({ filter }) => filter),
      )) {
        if (spent >= SLICE_MS) await turn()
        while (client.isOpen() && !sendOne(topic, byFilter))
          await new Promise<void>((resolve) => {
            roomComes = resolve
          })
        if (!client.isOpen()) return
      }
    }
  }

  /** What is retained by now, so that it is never older than what the client has seen; false where there is no room. */
  function sendOne(topic: string, byFilter: TopicTrie<Subscription>): boolean {
    const started = performance.now()
    try {
      const message = sessions.retainedOn(topic)
      if (!message || !access.mayReceive(topic)) return true
      const match = toMatch(session, byFilter.covering(topic))
      return sender.sendRetained(message, Math.min(match.qos, message.qos) as Qos, match)
    } finally {
      spent += performance.now() - started
    }
  }

  function turn(): Promise<void> {
    const least = spent
    spent = 0
    return new Promise((resolve) => turns.enter(session.device, resolve, least))
  }

  return {
    send(subscriptions) {
      for (const subscription of subscriptions) waiting.set(subscription.name, subscription)
      if (!isWalking && waiting.size > 0) start()
    },
    resume() {
      roomComes?.()
      roomComes = null
    },
  }
}
