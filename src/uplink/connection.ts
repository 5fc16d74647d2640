import { type IConnackPacket, type IPublishPacket, MqttClient, UniqueMessageIdProvider } from 'mqtt'
import type { BrokerUrl } from '../config/broker-url.ts'
import { messageOf } from '../errors.ts'
import type { Credentials } from './credentials.ts'
import { ConnectFailure, closedEarly, toConnectFailure } from './failure.ts'
import { createUplinkInbox } from './inbox.ts'
import type { UplinkMessage, UplinkSubscription } from './message.ts'
import { createOddCodes, type OddCodes } from './odd-codes.ts'
import type { UplinkOptions } from './options.ts'
import { createPings, type Pings } from './pings.ts'
import { toPacketProperties } from './properties.ts'
import { reasonText } from './reason.ts'
import { type RefusedMessage, toRefusedMessage, unavailable } from './refusals.ts'
import { hostAndPort, openSocket } from './socket.ts'
import { createUplinkSubscriber } from './subscriber.ts'
import { toUplinkTerms, type UplinkTerms } from './terms.ts'
import { isAboutMessages, isReset, whyEnded } from './why-ended.ts'

/** One connection to one broker. Messages that are unacknowledged when it ends are forgotten. */
export interface Connection extends Pings {
  readonly terms: UplinkTerms
  /** `done` gets null, or why the broker refuses the message; it may not be called when the connection ends first. */
  send(message: UplinkMessage, done: (refusal: RefusedMessage | null) => void): void
  subscribe(subscriptions: readonly UplinkSubscription[]): Promise<number[]>
  unsubscribe(filters: readonly string[]): Promise<void>
  /** Resolves with the reason. */
  readonly ended: Promise<string>
  isEnded(): boolean
  /** Whether the broker ended it, and perhaps because of a message. */
  isCut(): boolean
  /** Ends the connection; `politely` sends a DISCONNECT first. */
  end(reason: string, how?: 'politely'): void
}

export interface ConnectOptions
  extends Pick<
    UplinkOptions,
    | 'settings'
    | 'clientId'
    | 'session'
    | 'isBridge'
    | 'keepAliveSeconds'
    | 'deadlineMs'
    | 'maxPacket'
    | 'onMessage'
  > {
  readonly at: BrokerUrl
  readonly protocol: 4 | 5
  readonly credentials: Credentials
  /** Ends the attempt, with an Error for a reason. */
  readonly stop: AbortSignal
}

/** A connection, its TLS handshake and its CONNACK may take as long as so many messages. */
const CONNECT_DEADLINES = 2
/** How long the broker has to close the connection after our DISCONNECT. */
const GOODBYE_MS = 1_000
/** Messages with QoS 1 that an MQTT 5 broker sends before it waits for an acknowledgement. */
const RECEIVE_MAXIMUM = 1_000
const FOREVER = 0xffff_ffff
const DISCONNECT = Buffer.from([0xe0, 0x00])

/** Resolves once the broker has accepted; rejects with a ConnectFailure. */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const { at, protocol, settings, stop, session } = options
  const name = hostAndPort(at)
  const socket = openSocket(at, options.credentials)
  const client = new MqttClient(() => socket, {
    manualConnect: true,
    protocolVersion: protocol,
    clientId: options.clientId,
    clean: session === 'clean',
    keepalive: options.keepAliveSeconds,
    connectTimeout: CONNECT_DEADLINES * options.deadlineMs,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    // the default one gives an identifier again that is still in use
    messageIdProvider: new UniqueMessageIdProvider(),
    ...named(options.credentials),
    ...(protocol === 5 ? { properties: propertiesOf(options) } : {}),
  })
  const oddCodes = protocol === 5 ? createOddCodes() : null
  let problem: ConnectFailure | undefined
  let connack: IConnackPacket | undefined
  let isEnded = false
  let isCut = false
  const accepted = Promise.withResolvers<UplinkTerms>()
  const over = Promise.withResolvers<string>()
  const pings = createPings(client, over.promise, end, `${name} does not answer any more`)
  const inbox = createUplinkInbox({ onMessage: options.onMessage, socket, onFailure: end })

  function fail(failure: ConnectFailure): void {
    problem ??= failure
    socket.destroy()
  }

  function end(reason: string, how?: 'politely'): void {
    problem ??= new ConnectFailure('failed', reason)
    if (how !== 'politely') return void socket.destroy()
    socket.end(DISCONNECT)
    const timer = setTimeout(() => socket.destroy(), GOODBYE_MS)
    socket.once('close', () => clearTimeout(timer))
  }

  // one of our own: mqtt.js does not pass on every reason for which a socket fails
  socket.on('error', (error) => {
    if (!problem) isCut = isReset(error)
    fail(toConnectFailure(error, name, settings))
  })
  // before mqtt.js listens
  if (oddCodes) socket.on('data', oddCodes.read)
  client.on('packetsend', (packet) => {
    if (packet.cmd === 'connect' && options.isBridge && protocol === 4)
      Object.assign(packet, { bridgeMode: true })
  })
  client.on('packetreceive', (packet) => {
    if (packet.cmd === 'connack') connack = packet
  })
  client.on('disconnect', (packet) => {
    if (!problem) isCut = isAboutMessages(packet.reasonCode)
    fail(new ConnectFailure('failed', `${name} ended the connection: ${reasonText(packet)}`))
  })
  client.on('error', (error) => fail(whyEnded(error, connack, name, settings)))
  client.handleMessage = (packet: IPublishPacket, callback) => inbox.take(packet, callback)
  client.once('connect', (packet: IConnackPacket) =>
    accepted.resolve(toUplinkTerms(protocol, packet)),
  )
  client.once('close', () => {
    isEnded = true
    if (!problem) isCut = true
    const failure =
      problem ??
      (connack ? new ConnectFailure('failed', `${name} closed the connection`) : closedEarly(name))
    accepted.reject(failure)
    over.resolve(failure.message)
  })
  const onStop = () => end(messageOf(stop.reason))
  stop.addEventListener('abort', onStop)
  client.connect()
  try {
    const terms = await accepted.promise
    return {
      terms,
      send: (message, done) => send(client, oddCodes, message, done),
      ...createUplinkSubscriber(client, terms, end),
      ...pings,
      ended: over.promise,
      isEnded: () => isEnded,
      isCut: () => isCut,
      end,
    }
  } finally {
    stop.removeEventListener('abort', onStop)
  }
}

function named({ username, password }: Credentials): { username?: string; password?: string } {
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  }
}

function propertiesOf({ session, maxPacket }: ConnectOptions) {
  return {
    receiveMaximum: RECEIVE_MAXIMUM,
    maximumPacketSize: maxPacket,
    ...(session === 'kept' ? { sessionExpiryInterval: FOREVER } : {}),
  }
}

function send(
  client: MqttClient,
  oddCodes: OddCodes | null,
  { topic, payload, qos, retain, properties, messageExpiry }: UplinkMessage,
  done: (refusal: RefusedMessage | null) => void,
): void {
  const mqtt5 = oddCodes ? { properties: toPacketProperties({ properties, messageExpiry }) } : {}
  client.publish(topic, payload, { qos, retain, ...mqtt5 }, (error, packet) => {
    if (!error) done(null)
    else if (packet && 'reasonCode' in packet) {
      const reasonCode = oddCodes?.take(packet.messageId ?? 0) ?? packet.reasonCode
      done(toRefusedMessage({ ...packet, reasonCode }, topic))
    } else done(unavailable('failed', messageOf(error)))
  })
}
