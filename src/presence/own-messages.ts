import type { Broker } from '../broker/broker.ts'
import type { MessageProperties } from '../topic/message.ts'

/** The device name of messages that the gateway publishes itself; no certificate can have it. */
export const GATEWAY_NAME = '$gateway'

/** A retained message of the gateway itself. */
export interface OwnMessage {
  /** Empty to remove the retained message. */
  readonly payload: string
  readonly properties: MessageProperties | null
}

/** Publishes retained messages of the gateway: the latest for each topic, again and again until it is stored. */
export interface OwnMessages {
  put(topic: string, message: OwnMessage): void
  /** Begins to publish; until then messages wait. */
  start(): void
  close(): void
}

/** Messages that are published at the same time. */
const AT_ONCE = 100
const RETRY_MS = 5_000

/** `onFailure` is called each time the broker refuses a message. */
export function createOwnMessages(
  broker: Pick<Broker, 'publish'>,
  onFailure: (error: unknown) => void,
): OwnMessages {
  const waiting = new Map<string, OwnMessage>()
  let state: 'not begun' | 'idle' | 'publishing' | 'pausing' | 'closed' = 'not begun'
  let timer: NodeJS.Timeout | undefined

  /** In the next turn of the event loop: the caller of `put` may be delivering another message. */
  function begin(): void {
    state = 'publishing'
    setImmediate(() => void publishAll())
  }

  async function publishAll(): Promise<void> {
    while (state === 'publishing' && waiting.size > 0) {
      const batch = [...waiting.entries()].slice(0, AT_ONCE)
      for (const [topic] of batch) waiting.delete(topic)
      const done = await Promise.all(batch.map(publishOne))
      if (state === 'publishing' && done.includes(false)) {
        state = 'pausing'
        timer = setTimeout(begin, RETRY_MS).unref()
      }
    }
    if (state === 'publishing') state = 'idle'
  }

  async function publishOne([topic, message]: [string, OwnMessage]): Promise<boolean> {
    const now = Date.now()
    try {
      await broker.publish({
        topic,
        payload: Buffer.from(message.payload),
        qos: 1,
        retain: true,
        device: GATEWAY_NAME,
        time: now,
        received: now,
        properties: message.payload === '' ? null : message.properties,
        expires: null,
      })
      return true
    } catch (error) {
      // unless a later message for the topic waits by now
      if (!waiting.has(topic)) waiting.set(topic, message)
      if (state !== 'closed') onFailure(error)
      return false
    }
  }

  return {
    put(topic, message) {
      if (state === 'closed') return
      waiting.set(topic, message)
      if (state === 'idle') begin()
    },
    start() {
      if (state === 'not begun') begin()
    },
    close() {
      state = 'closed'
      clearTimeout(timer)
    },
  }
}
