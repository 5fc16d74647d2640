import { isIP } from 'node:net'
import { connect } from 'node:tls'
import { ErrorWithReasonCode, type IConnackPacket, MqttClient } from 'mqtt'
import { reasonText } from '../uplink/reason.ts'
import type { DeviceClient } from './client.ts'
import { CommandFailure } from './command.ts'
import { closed, toCommandFailure } from './unreachable.ts'

const CONNECT_TIMEOUT_MS = 10_000

/** Server unavailable, server busy and quota exceeded: a later CONNECT may succeed. */
const PASSING: ReadonlySet<number> = new Set([0x88, 0x89, 0x97])

export interface MqttClientOptions {
  /** The delay before a lost connection is made again; 0 for never. */
  readonly reconnectMs: number
  /** Called when the gateway refuses to reconnect, for a permanent reason. */
  readonly onRefused?: (failure: CommandFailure) => void
  /** Stops connecting. */
  readonly stop?: AbortSignal | undefined
}

/** Connects as the client's device. Rejects with a CommandFailure when that fails at first. */
export async function connectMqtt(
  client: DeviceClient,
  { reconnectMs, onRefused, stop }: MqttClientOptions,
): Promise<MqttClient> {
  const { ca, cert, key, host, port } = client
  const at = `${host}:${port}`
  let problem: unknown
  // a socket of our own, because mqtt.js does not pass on every error of its own one
  const connection = new MqttClient(
    () =>
      connect({
        ca,
        cert,
        key,
        host,
        port,
        ...(isIP(host) === 0 ? { servername: host } : {}),
      }).on('error', (error) => {
        problem = error
      }),
    { protocolVersion: 5, reconnectPeriod: reconnectMs, connectTimeout: CONNECT_TIMEOUT_MS },
  )
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let connack: IConnackPacket | undefined
  let connected = false
  connection.on('packetreceive', (packet) => {
    if (packet.cmd === 'connack') connack = packet
  })
  // a refusing CONNACK, or bytes that are not MQTT
  connection.on('error', (error) => {
    if (!(error instanceof ErrorWithReasonCode)) {
      problem ??= new CommandFailure(`${at}: ${error.message}; is this the mqtt door?`)
      return
    }
    const failure = new CommandFailure(`${at}: Connection refused: ${reasonText(connack ?? {})}`)
    problem ??= failure
    const passes = PASSING.has(error.code)
    // mqtt.js reads this after the event
    connection.options.reconnectOnConnackError = connected && passes
    if (connected && !passes) onRefused?.(failure)
  })
  connection.once('connect', () => {
    connected = true
    resolve()
  })
  connection.once('close', () => reject(problem ?? new CommandFailure(closed(at, 'mqtt'))))
  const giveUp = () => connection.end(true)
  stop?.addEventListener('abort', giveUp)
  try {
    await promise
    return connection
  } catch (error) {
    connection.end(true)
    throw toCommandFailure(error, client)
  } finally {
    stop?.removeEventListener('abort', giveUp)
  }
}
