import type { Qos } from '../../src/topic/message.ts'
import { type Accept, connectStream, type StreamClient } from './stream-client.ts'

export interface Sent {
  readonly topic: string
  readonly qos: Qos
  readonly retain: boolean
}

export interface Request {
  readonly topic: string
  readonly qos: Qos
}

export interface Connect {
  readonly do: 'connect'
  readonly client: string
  readonly clean: boolean
  readonly will: Sent | null
  /** Whether it acknowledges what it receives. */
  readonly acknowledges: boolean
}

export interface Publish {
  readonly do: 'publish'
  readonly client: string
  /** Published at once, each with another payload. */
  readonly messages: readonly Sent[]
  /** Whether their payloads are empty instead. */
  readonly areEmpty: boolean
}

/** One action of a client. */
export type Command =
  | Connect
  | Publish
  | { readonly do: 'disconnect'; readonly client: string }
  | { readonly do: 'drop'; readonly client: string }
  | {
      readonly do: 'subscribe'
      readonly client: string
      readonly subscriptions: readonly Request[]
    }
  | { readonly do: 'unsubscribe'; readonly client: string; readonly filters: readonly string[] }

/** What one client received, in order for each topic. */
export interface Got {
  readonly isOpen: boolean
  readonly answers: readonly string[]
  readonly messages: Readonly<Record<string, readonly string[]>>
}

/** Details that are not compared. */
export interface Blind {
  readonly dup: boolean
  readonly retain: boolean
  readonly sessionPresent: boolean
}

/** The clients of one conversation with one broker. */
export interface Talk {
  run(command: Command): void
  /** What each client received since the last call. */
  got(blind: Blind): Record<string, Got>
}

export function createTalk(accept: Accept, onMove: () => void): Talk {
  const clients = new Map<string, StreamClient>()
  let published = 0

  function publish(client: StreamClient, { messages, areEmpty }: Publish): void {
    for (const message of messages) {
      published += 1
      client.publish({ ...message, payload: areEmpty ? '' : `${published}` })
    }
  }

  return {
    run(command) {
      if (command.do === 'connect') {
        clients.set(command.client, connect(accept, command, onMove))
        return
      }
      const client = clients.get(command.client)
      if (!client) throw new Error(`${command.client} is not connected`)
      switch (command.do) {
        case 'disconnect':
          client.send({ cmd: 'disconnect' })
          break
        case 'drop':
          client.drop()
          break
        case 'subscribe':
          client.send({
            cmd: 'subscribe',
            messageId: 1,
            subscriptions: [...command.subscriptions],
          })
          break
        case 'unsubscribe':
          client.send({ cmd: 'unsubscribe', messageId: 1, unsubscriptions: [...command.filters] })
          break
        case 'publish':
          publish(client, command)
      }
    },
    got: (blind) =>
      Object.fromEntries([...clients].map(([name, client]) => [name, look(client, blind)])),
  }
}

function connect(
  accept: Accept,
  { client, clean, will, acknowledges }: Connect,
  onMove: () => void,
) {
  const last = will && { will: { ...will, payload: Buffer.from('will') } }
  return connectStream(accept, { clientId: client, clean, ...last }, { acknowledges, onMove })
}

function look(client: StreamClient, blind: Blind): Got {
  const answers: string[] = []
  const messages: Record<string, string[]> = {}
  for (const packet of client.taken()) {
    if (packet.cmd === 'publish') {
      const marks = [
        `QoS ${packet.qos}`,
        ...(packet.retain && !blind.retain ? ['retained'] : []),
        ...(packet.dup && !blind.dup ? ['again'] : []),
      ]
      messages[packet.topic] ??= []
      messages[packet.topic]?.push(`${packet.payload} ${marks.join(' ')}`)
    } else if (packet.cmd === 'connack') {
      const isPresent = packet.sessionPresent && !blind.sessionPresent
      answers.push(`connack ${packet.returnCode}${isPresent ? ' present' : ''}`)
    } else if (packet.cmd === 'suback') answers.push(`suback ${packet.granted}`)
    else answers.push(packet.cmd)
  }
  return { isOpen: client.isOpen(), answers: answers.sort(), messages }
}
