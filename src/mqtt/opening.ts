import type { OpenedSession } from '../broker/registry.ts'
import type { Session, Will } from '../broker/session.ts'
import type { CutReason } from '../metrics/meter.ts'
import type { Client } from './client.ts'
import { checkConnackSize, toConnack, toRefusal } from './connack.ts'
import { createConversation } from './conversation.ts'
import { decodePacket } from './decode.ts'
import { versionOf } from './decode-connect.ts'
import { disconnect, fail, failFor, visitOf } from './ending.ts'
import type { Frame } from './frames.ts'
import { watchKeepAlive } from './keep-alive.ts'
import { toLink } from './link.ts'
import type { Connect, Disconnect, Version } from './packets.ts'
import { type ClientConnection, type Opening, protocolOf } from './phase.ts'
import { ProtocolError, Reason } from './reasons.ts'
import { type Terms, toTerms } from './terms.ts'

const CONNECT = 1

/** Takes the first packet, which has to be CONNECT: awaiting CONNECT → opening. Throws a ProtocolError where there are no terms for it. */
export function takeConnect(connection: ClientConnection, { first, body }: Frame): void {
  const { world, reader } = connection
  let terms: Terms
  let mostBytes = Infinity
  try {
    const packet = decodePacket(first, body, null) as Connect
    mostBytes = packet.maximumPacketSize
    terms = toTerms(packet, world.settings, world.sessions.abilities)
    checkConnackSize(terms, world)
  } catch (error) {
    if (first >> 4 === CONNECT && error instanceof ProtocolError)
      refuse(connection, versionOf(body) ?? 4, error, mostBytes)
    throw error
  }
  const opening: Opening = { name: 'opening', terms, link: toLink(connection), leaveLine: null }
  connection.phase = opening
  const resume = reader.hold()
  const openSession = () =>
    void open(connection, opening).then(resume, (error) => failFor(connection, error))
  if (terms.will === null) openSession()
  else admitWill(connection, opening, terms.will, openSession)
}

/** A will is a message: who connects again and again with one is made to wait like who publishes. */
function admitWill(
  { world, identity, door }: ClientConnection,
  opening: Opening,
  { message }: Will,
  openSession: () => void,
): void {
  opening.leaveLine = world.relay.admit(identity.id, message, openSession)
  if (opening.leaveLine === null) openSession()
  else world.meter.publishDelayed(door)
}

/** Opens the session: opening → open. */
async function open(connection: ClientConnection, { terms, link }: Opening): Promise<void> {
  const { identity, world } = connection
  const { version, clientId, cleanStart, sessionExpiry: expiry, will, maximumPacketSize } = terms
  const client = `${identity.id}/${clientId}`
  const opened = await world.sessions
    .open({ client, cleanStart, expiry, will, link })
    .catch((error: unknown) => {
      refuse(connection, version, notStored(), maximumPacketSize)
      throw error
    })
  if (!opened) {
    const full = new ProtocolError(
      Reason.quotaExceeded,
      'needs one more session, but the limit is reached (WOTT_MAX_SESSIONS, WOTT_MAX_SESSIONS_PER_DEVICE)',
    )
    refuse(connection, version, full, maximumPacketSize)
    throw full
  }
  if (connection.phase.name === 'opening') begin(connection, connection.phase, opened)
  // it has ended meanwhile
  else world.sessions.close(opened.session, link, { sendsWill: false, expiry: null })
}

function begin(
  connection: ClientConnection,
  { terms: asked, link }: Opening,
  { session, isPresent }: OpenedSession,
): void {
  const { world, reader, wire } = connection
  // the will is the store's by now, and its bytes here would keep those of the whole CONNECT
  const terms: Terms = { ...asked, will: null }
  const client = new OpenClient(connection, terms, session)
  const conversation = createConversation(client, world)
  const keepAlive = watchKeepAlive(terms.keepAlive, connection)
  connection.phase = { name: 'open', terms, link, session, conversation, keepAlive }
  reader.connected(terms.version)
  wire.write(toConnack(terms, world, isPresent))
  world.visits.came(visitOf(connection, terms), protocolOf(connection))
  conversation.sender.sendWaiting()
}

/** A class, because there are tens of thousands: closures would take several times the memory. */
class OpenClient implements Client {
  readonly #connection: ClientConnection
  readonly terms: Terms
  readonly session: Session
  readonly access: Session['access']
  readonly wire: Client['wire']

  constructor(connection: ClientConnection, terms: Terms, session: Session) {
    this.#connection = connection
    this.terms = terms
    this.session = session
    this.access = session.access
    this.wire = connection.wire
  }

  get identity(): Client['identity'] {
    return this.#connection.identity
  }

  get door(): Client['door'] {
    return this.#connection.door
  }

  get holds(): Client['holds'] {
    return this.#connection.holds
  }

  isOpen(): boolean {
    return this.#connection.phase.name === 'open'
  }

  fail(error: ProtocolError, bound?: CutReason): void {
    fail(this.#connection, error, bound)
  }

  failFor(error: unknown): void {
    failFor(this.#connection, error)
  }

  disconnect(packet: Disconnect): void {
    disconnect(this.#connection, packet, this.terms)
  }

  hold(): () => void {
    return this.#connection.reader.hold()
  }
}

/** Tells a client why it is not let in; one before MQTT 5 only where there is a return code for it. */
function refuse(
  { wire }: ClientConnection,
  version: Version,
  error: ProtocolError,
  mostBytes: number,
): void {
  const packet = toRefusal(version, error, mostBytes)
  if (packet) wire.write(packet)
}

function notStored(): ProtocolError {
  return new ProtocolError(
    Reason.serverUnavailable,
    'cannot be given a session: the store cannot be written at the moment',
  )
}
