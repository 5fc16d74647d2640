import { isIP } from 'node:net'
import { connect } from 'node:tls'
import { ErrorWithReasonCode, MqttClient } from 'mqtt'
import type { Client } from './client.ts'
import { CommandFailure } from './command.ts'
import { closed, toFailure } from './unreachable.ts'

const CONNECT_TIMEOUT_MS = 10_000

export interface ConnectOptions {
  /** After how long a connection that was lost is made again; never when 0. */
  readonly reconnectMs: number
  /** Gives up connecting. */
  readonly stop?: AbortSignal | undefined
}

/** Connects as the client's device. Rejects with a CommandFailure when that fails at first. */
export async function connectMqtt(
  client: Client,
  { reconnectMs, stop }: ConnectOptions,
): Promise<MqttClient> {
  const { ca, cert, key, host, port } = client
  const at = `${host}:${port}`
  let problem: unknown
  // a socket of our own: mqtt.js does not pass on every reason for which one fails
  const connection = new MqttClient(
    () =>
      connect({
        ...{ ca, cert, key, host, port },
        ...(isIP(host) === 0 ? { servername: host } : {}),
      }).on('error', (error) => {
        problem = error
      }),
    { protocolVersion: 5, reconnectPeriod: reconnectMs, connectTimeout: CONNECT_TIMEOUT_MS },
  )
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  // a CONNACK that refuses, or bytes that are no MQTT
  connection.on('error', (error) => {
    const refused = error instanceof ErrorWithReasonCode
    const hint = refused ? '' : '; is this the mqtt door?'
    problem ??= new CommandFailure(`${at}: ${error.message}${hint}`)
  })
  connection.once('connect', () => resolve())
  connection.once('close', () => reject(problem ?? new CommandFailure(closed(at, 'mqtt'))))
  const giveUp = () => connection.end(true)
  stop?.addEventListener('abort', giveUp)
  try {
    await promise
    return connection
  } catch (error) {
    connection.end(true)
    throw toFailure(error, client)
  } finally {
    stop?.removeEventListener('abort', giveUp)
  }
}
