import type { Denials } from '../acl/denials.ts'
import type { Delivery } from '../broker/delivery.ts'
import type { Session } from '../broker/session.ts'
import type { BrokerSessions } from '../broker/session-broker.ts'
import type { QueueEntry } from '../broker/store/queue-types.ts'
import type { Caller } from '../caller.ts'
import type { Config } from '../config/load.ts'
import { GatewayError } from '../errors.ts'
import type { Reports } from '../metrics/reports.ts'
import type { Command, Taken } from './command.ts'
import { filtersFor } from './filters.ts'
import { createMailboxes, type Mailbox, notStored } from './mailboxes.ts'
import { createPolls } from './polls.ts'

export interface PollRequest {
  /** Ids of commands that the device has finished; unknown ones are ignored. */
  readonly acknowledged: readonly string[]
  /** The most commands to return. */
  readonly limit: number
  /** Milliseconds to wait for a command when there is none. */
  readonly waitMs: number
  /** Aborted when the client has closed the request. */
  readonly gone: AbortSignal
}

/** Messages that wait for devices which ask over HTTP, until they are acknowledged. Every method rejects with a GatewayError. */
export interface Commands {
  /** Why this gateway has no commands; null when it has. */
  readonly unsupported: GatewayError | null
  /** Acknowledges commands, then returns the oldest that wait: the same ones each time until they are acknowledged. */
  take(caller: Caller, ask: PollRequest): Promise<Taken>
  /** Resolves once the acknowledgement is stored, to whether the command was waiting. */
  acknowledge(caller: Caller, id: string): Promise<boolean>
  /** A waiting command that the device may read. */
  find(caller: Caller, id: string): Promise<Command | null>
  /** Answers all waiting requests; later ones do not wait. */
  endAll(): void
}

export interface CommandOptions {
  readonly sessions: BrokerSessions
  /** Names messages by their numbers. */
  readonly ids: { of(number: number): string; numberOf(id: string): number | null }
  readonly denials: Denials
  readonly reports: Pick<Reports, 'meter' | 'warn'>
  /** Bytes of payload after which an answer takes no more commands. */
  readonly maxPayloadBytes: number
}

export function createCommands(
  settings: Config['commands'],
  { sessions, ids, denials, reports, maxPayloadBytes }: CommandOptions,
): Commands {
  const { meter } = reports
  const { commandTopic } = settings
  if (commandTopic === null)
    return createNoCommands('Commands are turned off on this gateway (WOTT_COMMAND_TOPIC).')
  const { mostSessionExpirySeconds } = sessions.abilities
  if (mostSessionExpirySeconds === 0)
    return createNoCommands(
      'This gateway relays to another broker, so it cannot keep commands for offline devices. Subscribe over MQTT, or read an event stream.',
    )
  const topics = commandTopic
  const mailboxes = createMailboxes(sessions, mostSessionExpirySeconds)
  const polls = createPolls(settings, reports)

  /** Opens the caller's mailbox for as long as `use` takes. */
  async function within<T>(caller: Caller, use: (mailbox: Mailbox) => Promise<T> | T): Promise<T> {
    const { identity, access, door } = caller
    const filters = filtersFor(topics, identity.id)
    if (!access.couldReceive(filters)) {
      denials.note({ door, id: identity.id, action: 'receive', topic: filters.join(' ') })
      throw new GatewayError(
        'read_denied',
        `The ACL file does not allow ${identity.id} to read ${filters.join(' or ')}.`,
      )
    }
    const mailbox = await mailboxes.enter(identity.id, filters)
    try {
      return await use(mailbox)
    } finally {
      mailbox.leave()
    }
  }

  function collect(caller: Caller, session: Session, limit: number): Taken {
    const commands: Command[] = []
    let bytes = 0
    // every request gets the oldest commands, even if another request has them already
    sessions.rewind(session)
    for (;;) {
      const entry = sessions.next(session)
      if (!entry?.message) return { commands, hasMore: false }
      const { message } = entry
      if (isNoCommand(entry) || !caller.access.mayReceive(message.topic)) {
        sessions.settle(session, entry)
        continue
      }
      bytes += message.payload.length
      const isFull = commands.length > 0 && bytes > maxPayloadBytes
      if (commands.length >= limit || isFull) return { commands, hasMore: true }
      commands.push(toCommand(entry, message))
      sessions.sent(session, entry)
    }
  }

  function toCommand(entry: QueueEntry, message: Delivery): Command {
    return { id: ids.of(message.sequence), message, isRepeated: entry.packetId > 0 }
  }

  function note(caller: Caller, { commands }: Taken): void {
    for (const { isRepeated } of commands) {
      meter.delivered(caller.door)
      meter.commandDelivered(isRepeated)
    }
  }

  /** A message that is retained and was live at the same time waits twice. */
  function waitingAs({ queue }: Session, id: string): QueueEntry[] {
    const number = ids.numberOf(id)
    if (number === null) return []
    return queue.admitted().filter(({ message }) => message?.sequence === number)
  }

  function settle(session: Session, id: string): boolean {
    const entries = waitingAs(session, id)
    for (const entry of entries) sessions.settle(session, entry)
    if (entries.length > 0) meter.commandAcknowledged()
    return entries.length > 0
  }

  /** Stores acknowledgements at once, even if the request then waits for the next command. */
  function store(): Promise<void> {
    const stored = sessions.stored().catch((cause) => {
      throw notStored(cause)
    })
    stored.catch(() => {})
    return stored
  }

  return {
    unsupported: null,
    take: (caller, { acknowledged, limit, waitMs, gone }) =>
      within(caller, async ({ session, listen }) => {
        const settled = acknowledged.filter((id) => settle(session, id))
        const stored = settled.length > 0 ? store() : null
        const collectNow = () => collect(caller, session, limit)
        const first = collectNow()
        const taken =
          first.commands.length > 0 || limit === 0 || waitMs === 0
            ? first
            : await polls.wait(caller.identity.id, { collect: collectNow, listen, waitMs, gone })
        note(caller, taken)
        await stored
        return taken
      }),
    acknowledge: (caller, id) =>
      within(caller, async ({ session }) => {
        const waited = settle(session, id)
        if (waited) await store()
        return waited
      }),
    find: (caller, id) =>
      within(caller, ({ session }) => {
        const [entry] = waitingAs(session, id)
        const message = entry?.message
        if (!message || !caller.access.mayReceive(message.topic)) return null
        return toCommand(entry, message)
      }),
    endAll: polls.endAll,
  }
}

/** Commands for a gateway that has none, for this reason: every request is refused. */
export function createNoCommands(reason: string): Commands {
  const unsupported = new GatewayError('not_supported_here', reason)
  const refuse = () => Promise.reject(unsupported)
  return { unsupported, take: refuse, acknowledge: refuse, find: refuse, endAll() {} }
}

/** An empty retained message is not a command: it removes the retained message. */
function isNoCommand({ message, retain }: QueueEntry): boolean {
  return retain && message?.payload.length === 0
}
