import type { Duplex } from 'node:stream'
import type { CloseRequest } from '../broker/registry.ts'
import type { ClientLink, EndReason, Session, Whereabouts, Will } from '../broker/session.ts'
import type { Identity } from '../identity/identity.ts'
import type { CutReason } from '../metrics/meter.ts'
import { boundOf } from './bounds.ts'
import type { Client, MqttWorld } from './client.ts'
import { type Conversation, createConversation } from './conversation.ts'
import { decodePacket } from './decode.ts'
import { versionOf } from './decode-connect.ts'
import { boundDiscarded } from './discarded.ts'
import { connackPacket, disconnectPacket } from './encode.ts'
import type { Frame } from './frames.ts'
import { noMemory, openHolds, releaseHolds } from './holds.ts'
import { watchKeepAlive } from './keep-alive.ts'
import type { Connect, Disconnect, Version } from './packets.ts'
import { createPacketReader } from './reader.ts'
import { ProtocolError, Reason } from './reasons.ts'
import { type Terms, toConnackProperties, toTerms } from './terms.ts'
import type { Visit, Why } from './visits.ts'
import { faultOf, LateMessage } from './web-socket.ts'
import { createWire } from './wire.ts'

/**
 * Where a connection is on its way: it waits for CONNECT; it has that and opens its session; it is open; or it has ended
 * and has no session any more.
 */
type Phase =
  | { readonly name: 'new' }
  | { readonly name: 'connecting'; readonly terms: Terms }
  | {
      readonly name: 'open'
      readonly terms: Terms
      readonly session: Session
      readonly conversation: Conversation
      readonly stopKeepAlive: () => void
    }
  | { readonly name: 'ended' }

/** A client id, a will and credentials that nobody reads: larger is no device. */
const MAX_CONNECT_BYTES = 16_384
/** How long a client has to read why its connection ends. */
const PARTING_MS = 1_000
const CONNECT = 1

const NOT_STORED = 'cannot be given a session: the store cannot be written at the moment'

/** What a client is told whose connection the broker ends, a reason code and a sentence, and what the log says of it. */
const ENDS: Record<EndReason, readonly [reason: number, sentence: string, said: string]> = {
  taken_over: [
    Reason.sessionTakenOver,
    'Another connection has the same client id.',
    'lost its session to another connection with the same client id',
  ],
  shutting_down: [
    Reason.serverShuttingDown,
    'The gateway is stopping.',
    'was disconnected because the gateway is stopping',
  ],
}
const UNANNOUNCED = 'closed its connection without a DISCONNECT'
const PROTOCOLS: Record<Version, string> = { 3: '3.1', 4: '3.1.1', 5: '5' }

export interface MqttConnection {
  /** Ends it because of what has become of the client's certificate. */
  dismiss(what: string): void
}

/** Speaks MQTT with one client, from its first byte to its last. */
export function serveConnection(
  stream: Duplex,
  identity: Identity,
  { door, address }: Pick<Whereabouts, 'door' | 'address'>,
  world: MqttWorld,
): MqttConnection {
  const { sessions, meter, settings } = world
  const since = Date.now()
  let phase: Phase = { name: 'new' }
  // of a will that waits for the publish rate
  let leaveLine: (() => void) | null = null

  const holds = openHolds(world.memory, identity.id)
  const wire = createWire(stream, {
    held: holds.delivery,
    onTaken,
    onFull: () => fail(noMemory(), 'memory'),
    join: world.join,
  })
  const reader = createPacketReader(stream, {
    connectBytes: MAX_CONNECT_BYTES,
    packetBytes: world.maxPacket,
    connectTime: settings.connectTimeout * 1000,
    packetTime: settings.packetTimeout * 1000,
    held: holds.packet,
    enter: (work) => world.turns.enter(identity.id, work),
    isOver: world.turns.isOver,
    onFrame({ first, body }: Frame) {
      if (phase.name === 'new') connect(first, body)
      else if (phase.name === 'open') phase.conversation.handle(first, body)
    },
    onError,
  })
  stream.on('error', (error: Error) => {
    const fault = faultOf(error)
    if (fault) fail(fault, fault instanceof LateMessage ? 'packet_timeout' : undefined)
    else vanish(`lost its connection (${error.message})`)
  })
  // whoever only ends its side is not there for an answer either
  stream.on('end', () => vanish(UNANNOUNCED))
  stream.on('close', () => vanish(UNANNOUNCED))
  stream.on('close', () => releaseHolds(holds))

  const link: ClientLink = {
    isOpen,
    whereabouts: () => ({
      door,
      address,
      since,
      protocol: PROTOCOLS[termsOf(phase)?.version ?? 5],
    }),
    hasRoom: () => phase.name === 'open' && phase.conversation.sender.hasRoom(),
    // an error is this connection's, and not that of whoever publishes
    deliver(delivery, qos, match) {
      try {
        if (phase.name === 'open') phase.conversation.sender.deliver(delivery, qos, match)
      } catch (error) {
        onError(error)
      }
    },
    wake() {
      try {
        if (phase.name === 'open') phase.conversation.sender.sendWaiting()
      } catch (error) {
        onError(error)
      }
    },
    end(reason) {
      const [code, sentence, said] = ENDS[reason]
      tell(code, sentence)
      part(said)
    },
  }

  function onTaken(): void {
    if (phase.name === 'open') phase.conversation.taken()
  }

  function isOpen(): boolean {
    return phase.name === 'open'
  }

  function connect(first: number, body: Buffer): void {
    let terms: Terms
    let mostBytes = Infinity
    try {
      const packet = decodePacket(first, body, null) as Connect
      mostBytes = packet.maximumPacketSize
      terms = toTerms(packet, settings, sessions.abilities)
      checkRoom(terms)
    } catch (error) {
      if (first >> 4 === CONNECT && error instanceof ProtocolError)
        refuse(versionOf(body) ?? 4, error, mostBytes)
      throw error
    }
    phase = { name: 'connecting', terms }
    const goOn = reader.hold()
    const openSession = () => void open(terms).then(goOn, onError)
    if (terms.will === null) openSession()
    else admitWill(terms.will, openSession)
  }

  /** A will is a message: who connects again and again with one is made to wait like who publishes. */
  function admitWill({ message }: Will, go: () => void): void {
    leaveLine = world.relay.admit(identity.id, message, go)
    if (leaveLine === null) go()
    else meter.publishDelayed(door)
  }

  /** Every other packet that has to be sent has fewer bytes than CONNACK, or as many as the client makes it have. */
  function checkRoom(terms: Terms): void {
    const { maximumPacketSize } = terms
    const { length } = toConnack(terms, false)
    if (length > maximumPacketSize)
      throw new ProtocolError(
        Reason.packetTooLarge,
        `accepts packets of at most ${maximumPacketSize} bytes, but its CONNACK has ${length} [MQTT-3.1.2-24]`,
      )
  }

  function toConnack(terms: Terms, sessionPresent: boolean): Buffer {
    const properties = toConnackProperties(terms, settings, sessions.abilities, world.maxPacket)
    return connackPacket(terms.version, { reason: Reason.success, sessionPresent, properties })
  }

  async function open(terms: Terms): Promise<void> {
    const { version, clientId, cleanStart, sessionExpiry: expiry, will } = terms
    const { maximumPacketSize: mostBytes } = terms
    const client = `${identity.id}/${clientId}`
    const opened = await sessions
      .open({ client, cleanStart, expiry, will, link })
      .catch((error: unknown) => {
        refuse(version, new ProtocolError(Reason.serverUnavailable, NOT_STORED), mostBytes)
        throw error
      })
    if (!opened) {
      const full = new ProtocolError(
        Reason.quotaExceeded,
        'needs one more session, but the limit is reached (WOTT_MAX_SESSIONS, WOTT_MAX_SESSIONS_PER_DEVICE)',
      )
      refuse(version, full, mostBytes)
      throw full
    }
    const { session, isPresent } = opened
    // the will is the store's by now, and its bytes here would keep those of the whole CONNECT
    if (phase.name === 'connecting') begin({ ...terms, will: null }, session, isPresent)
    else sessions.close(session, link, { sendsWill: false, expiry: null })
  }

  function begin(terms: Terms, session: Session, isPresent: boolean): void {
    const { version, keepAlive } = terms
    const conversation = createConversation(toClient(terms, session), world, {
      onDisconnect,
      onError,
    })
    const stopKeepAlive = watchKeepAlive(keepAlive, reader.lastHeard, silent)
    phase = { name: 'open', terms, session, conversation, stopKeepAlive }
    reader.connected(version)
    wire.write(toConnack(terms, isPresent))
    world.visits.came(visitOf(terms), PROTOCOLS[version])
    conversation.sender.sendWaiting()
  }

  function toClient(terms: Terms, session: Session): Client {
    return {
      identity,
      door,
      terms,
      session,
      access: session.access,
      holds,
      wire,
      isOpen,
      fail,
      hold: reader.hold,
    }
  }

  /** Tells a client why it is not let in; one before MQTT 5 only where there is a return code for it. */
  function refuse(version: Version, { reason, message }: ProtocolError, mostBytes: number): void {
    if (version < 5 && !WITH_RETURN_CODE.has(reason)) return
    // whatever Request Problem Information says [MQTT-3.1.2-29], where there is room [MQTT-3.2.2-19]
    const packet = [{ reasonString: asSentence(message) }, {}]
      .map((properties) => connackPacket(version, { reason, sessionPresent: false, properties }))
      .find(({ length }) => length <= mostBytes)
    if (packet) wire.write(packet)
  }

  function silent(): void {
    const { keepAlive = 0 } = termsOf(phase) ?? {}
    const sentence = `sent nothing for ${keepAlive * 1.5} seconds; its keep alive is ${keepAlive}`
    fail(new ProtocolError(Reason.keepAliveTimeout, sentence))
  }

  function onDisconnect({ reason, sessionExpiry }: Disconnect): void {
    if (phase.name !== 'open') return
    const { asked, mostSessionExpiry } = phase.terms
    if (!asked.sessionExpiry && sessionExpiry !== null && sessionExpiry > 0)
      throw new ProtocolError(
        Reason.protocolError,
        'asked for a session expiry in DISCONNECT, but not in CONNECT [MQTT-3.14.2-2]',
      )
    const expiry = sessionExpiry && Math.min(sessionExpiry, mostSessionExpiry)
    const sendsWill = reason !== Reason.success
    const said = sendsWill ? ` with reason code 0x${reason.toString(16).padStart(2, '0')}` : ''
    leave({ sendsWill, expiry }, `sent DISCONNECT${said}`)
  }

  function onError(error: unknown, bound?: CutReason): void {
    if (!(error instanceof ProtocolError))
      world.logLimited(`failed\0${identity.id}`, (repeated) =>
        world.log.error(
          { err: error, device: identity.id, door, ...repeated },
          'an MQTT connection failed',
        ),
      )
    fail(
      error instanceof ProtocolError
        ? error
        : new ProtocolError(Reason.unspecifiedError, 'cannot be served'),
      bound,
    )
  }

  function fail(error: ProtocolError, bound = boundOf(error.reason)): void {
    if (phase.name === 'ended') return
    if (bound) meter.connectionCut(door, bound)
    if (phase.name !== 'open') noteCut(error)
    tell(error.reason, asSentence(error.message))
    leave({ sendsWill: true, expiry: null }, error)
  }

  /** Of one that has no session yet, and so does not leave. */
  function noteCut(error: ProtocolError): void {
    world.logLimited(`cut\0${error.reason}\0${identity.id}`, (repeated) =>
      world.log.warn(
        {
          device: identity.id,
          client: termsOf(phase)?.clientId,
          door,
          address,
          reason: error.message,
          ...repeated,
        },
        'disconnecting an MQTT client',
      ),
    )
  }

  /** Tells an MQTT 5 client why its connection ends. */
  function tell(reason: number, sentence: string): void {
    if (phase.name !== 'open' || phase.terms.version < 5) return
    wire.write(disconnectPacket(reason, phase.terms.wantsReasons ? sentence : undefined))
  }

  /** Gives the session back. */
  function leave(request: CloseRequest, why: Why): void {
    const session = phase.name === 'open' ? phase.session : null
    part(why)
    // after that, so that nothing more is sent: neither its own will nor what others say to it
    if (session) sessions.close(session, link, request)
  }

  function vanish(why: string): void {
    if (phase.name !== 'ended') leave({ sendsWill: true, expiry: null }, why)
  }

  function visitOf({ clientId: client }: Terms): Visit {
    return { device: identity.id, client, door, address, since }
  }

  /** Sends what is still to be sent and closes the stream. What comes meanwhile is discarded, so that no reset overtakes it. */
  function part(why: Why): void {
    if (phase.name === 'open') {
      world.visits.left(visitOf(phase.terms), why)
      phase.stopKeepAlive()
      phase.conversation.end()
    }
    phase = { name: 'ended' }
    leaveLine?.()
    reader.stop()
    boundDiscarded(stream)
    wire.end()
    setTimeout(() => stream.destroy(), PARTING_MS).unref()
  }

  return {
    dismiss(what) {
      tell(Reason.administrativeAction, `The client certificate ${what}.`)
      vanish(`has a certificate that ${what}`)
    },
  }
}

/** Refusals that clients before MQTT 5 have a return code for. */
const WITH_RETURN_CODE: ReadonlySet<number> = new Set([
  Reason.unsupportedProtocolVersion,
  Reason.clientIdentifierNotValid,
  Reason.serverUnavailable,
  Reason.quotaExceeded,
  Reason.qosNotSupported,
])

function termsOf(phase: Phase): Terms | null {
  return phase.name === 'connecting' || phase.name === 'open' ? phase.terms : null
}

/** What is said of a client, as a sentence to it. */
function asSentence(message: string): string {
  return `The client ${message.replace(/\.$/, '')}.`
}
