import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import {
  ErrorWithReasonCode,
  type IConnackPacket,
  type IPublishPacket,
  MqttClient,
  UniqueMessageIdProvider,
} from 'mqtt'
import type { BrokerUrl } from '../config/broker-url.ts'
import { messageOf } from '../errors.ts'
import type { Credentials } from './credentials.ts'
import { ConnectFailure, closedEarly, type FailureKind, toFailure } from './failure.ts'
import { createInbox } from './inbox.ts'
import { createPings, type Pings } from './pings.ts'
import { toPacketProperties } from './properties.ts'
import { reasonOf } from './reason.ts'
import { type Refusal, refusalOf, unavailable } from './refusals.ts'
import { createSubscriber } from './subscriber.ts'
import { type Terms, toTerms } from './terms.ts'
import type { UplinkMessage, UplinkOptions, UplinkSubscription } from './uplink.ts'

/** One connection to one broker; what is not acknowledged when it ends is forgotten. */
export interface Connection extends Pings {
  readonly terms: Terms
  /** `done` gets null, or why the broker refuses the message; it may not be called when the connection ends first. */
  send(message: UplinkMessage, done: (refusal: Refusal | null) => void): void
  subscribe(subscriptions: readonly UplinkSubscription[]): Promise<number[]>
  unsubscribe(filters: readonly string[]): Promise<void>
  /** Resolves with the reason. */
  readonly ended: Promise<string>
  isEnded(): boolean
  /** `politely` sends a DISCONNECT first. */
  end(reason: string, how?: 'politely'): void
}

export interface ConnectOptions
  extends Pick<
    UplinkOptions,
    'settings' | 'clientId' | 'session' | 'isBridge' | 'keepAlive' | 'maxPacket' | 'onMessage'
  > {
  readonly at: BrokerUrl
  readonly protocol: 4 | 5
  readonly credentials: Credentials
  readonly stop: AbortSignal
}

const CONNECT_TIMEOUT_MS = 10_000
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
  const socket = open(at, options.credentials)
  const client = new MqttClient(() => socket, {
    manualConnect: true,
    protocolVersion: protocol,
    clientId: options.clientId,
    clean: session === 'clean',
    keepalive: options.keepAlive,
    connectTimeout: CONNECT_TIMEOUT_MS,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    // the default one gives an identifier again that is still in use
    messageIdProvider: new UniqueMessageIdProvider(),
    ...named(options.credentials),
    ...(protocol === 5 ? { properties: propertiesOf(options) } : {}),
  })
  let problem: ConnectFailure | undefined
  let connack: IConnackPacket | undefined
  let isEnded = false
  const accepted = Promise.withResolvers<Terms>()
  const over = Promise.withResolvers<string>()
  const pings = createPings(client, over.promise, end, `${name} does not answer any more`)
  const inbox = createInbox({ onMessage: options.onMessage, socket, onFailure: end })

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
  socket.on('error', (error) => fail(toFailure(error, name, settings)))
  client.on('packetsend', (packet) => {
    if (packet.cmd === 'connect' && options.isBridge && protocol === 4)
      Object.assign(packet, { bridgeMode: true })
  })
  client.on('packetreceive', (packet) => {
    if (packet.cmd === 'connack') connack = packet
  })
  client.on('disconnect', (packet) =>
    fail(new ConnectFailure('failed', `${name} ended the connection: ${reasonOf(packet)}`)),
  )
  client.on('error', (error) => fail(ofClient(error, connack, name, settings)))
  client.handleMessage = (packet: IPublishPacket, callback) => inbox.take(packet, callback)
  client.once('connect', (packet: IConnackPacket) => accepted.resolve(toTerms(protocol, packet)))
  client.once('close', () => {
    isEnded = true
    const failure =
      problem ??
      (connack ? new ConnectFailure('failed', `${name} closed the connection`) : closedEarly(name))
    accepted.reject(failure)
    over.resolve(failure.message)
  })
  const onStop = () => end('the gateway is stopping')
  stop.addEventListener('abort', onStop)
  client.connect()
  try {
    const terms = await accepted.promise
    return {
      terms,
      send: (message, done) => send(client, protocol, message, done),
      ...createSubscriber(client, terms, end),
      ...pings,
      ended: over.promise,
      isEnded: () => isEnded,
      end,
    }
  } finally {
    stop.removeEventListener('abort', onStop)
  }
}

export function hostAndPort({ host, port }: BrokerUrl): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function open({ host, port, tls }: BrokerUrl, { ca, cert, key }: Credentials): Socket {
  const socket = tls
    ? connectTls({
        ...{ host, port },
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
        ...(isIP(host) === 0 ? { servername: host } : {}),
      })
    : connectTcp({ host, port })
  return socket.setNoDelay(true)
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
  protocol: 4 | 5,
  { topic, payload, qos, retain, properties, messageExpiry }: UplinkMessage,
  done: (refusal: Refusal | null) => void,
): void {
  const said =
    protocol === 5 ? { properties: toPacketProperties({ properties, messageExpiry }) } : {}
  client.publish(topic, payload, { qos, retain, ...said }, (error, packet) => {
    if (!error) done(null)
    else if (packet && 'reasonCode' in packet) done(refusalOf(packet, topic))
    else done(unavailable('failed', messageOf(error)))
  })
}

const PROTOCOL_REFUSED: ReadonlySet<number> = new Set([1, 0x84])
const CREDENTIALS_REFUSED: ReadonlySet<number> = new Set([4, 5, 0x86, 0x87])

/** What mqtt.js objects to: a CONNACK that refuses, no CONNACK in time, no answer to PINGREQ, or bytes that are not MQTT. */
function ofClient(
  error: Error,
  connack: IConnackPacket | undefined,
  at: string,
  settings: string,
): ConnectFailure {
  const code = connack?.reasonCode ?? connack?.returnCode ?? 0
  if (error instanceof ErrorWithReasonCode && code > 0) {
    const why = reasonOf({ reasonCode: code, properties: connack?.properties })
    const hint = CREDENTIALS_REFUSED.has(code)
      ? `; see ${settings}_USERNAME, ${settings}_PASSWORD_FILE and ${settings}_CERT_FILE`
      : ''
    const kind: FailureKind = PROTOCOL_REFUSED.has(code) ? 'protocol' : 'refused'
    return new ConnectFailure(kind, `${at} refused the connection: ${why}${hint}`, error)
  }
  if (error.message === 'connack timeout')
    return new ConnectFailure('failed', `${at} does not answer; is it an MQTT broker?`, error)
  if (error.message === 'Keepalive timeout')
    return new ConnectFailure('failed', `${at} does not answer any more`, error)
  return connack
    ? toFailure(error, at, settings)
    : new ConnectFailure('closed', `${at}: ${error.message}; is it an MQTT broker?`, error)
}
