import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { AclSource } from '../acl/reload.ts'
import type { Caller } from '../caller.ts'
import type { Door } from '../door-table.ts'
import { GatewayError } from '../errors.ts'
import type { Identity } from '../identity/identity.ts'
import { connectionSenders, type Senders } from '../identity/senders.ts'
import { type AppOptions, createApp, pathOf } from './app.ts'
import { type DeviceRoutesOptions, deviceRoutes } from './device-routes.ts'
import type { App } from './fastify.ts'
import { createGate } from './gate.ts'
import { type HistoryRouteOptions, historyRoute } from './history.ts'
import { originProblem } from './origin.ts'
import { pageRoutes } from './pages.ts'
import { createPlainPublish } from './plain-publish.ts'
import { rawAnswer } from './problem.ts'
import { type StreamRoutesOptions, streamRoutes } from './stream.ts'
import { type TopicsInfoOptions, topicsInfoRoute } from './topics-info.ts'
import { createTraceId } from './trace-id.ts'

export interface DeviceDoorOptions
  extends Omit<AppOptions, 'requestCert' | 'whoSends' | 'onCut'>,
    Omit<DeviceRoutesOptions, 'gate'>,
    StreamRoutesOptions,
    HistoryRouteOptions,
    TopicsInfoOptions {
  readonly acl: AclSource
  /** The name of the door in the metrics and the log. */
  readonly door?: Extract<Door, 'device' | 'proxy'>
  /** Who sends a request; by default the device that the connection belongs to. */
  readonly senders?: Senders
  /** Takes over the socket of an upgrade request whose path and identity are right. */
  readonly mqtt: {
    accept(request: IncomingMessage, socket: Duplex, head: Buffer, who: WebSocketCaller): void
  }
  /** Called for each upgrade request that is refused; `who` is null where the sender is not known. */
  onUpgradeRefused(door: Door, socket: Socket, who: Identity | null, error: GatewayError): void
}

/** The owner of a WebSocket. */
type WebSocketCaller = Pick<Caller, 'door' | 'ended'> & { readonly identity: Identity }

/**
 * Devices over HTTPS, and MQTT over WebSocket at / and /mqtt, directly or through a proxy. Nothing behind this door can be
 * reached without an identity.
 */
export function createDeviceDoor(options: DeviceDoorOptions): App {
  const { senders = connectionSenders, door = 'device', admit = () => null, onRequest } = options
  const gate = createGate({ ...options, senders, door })
  const app = createApp({
    ...options,
    requestCert: true,
    whoSends: senders.of,
    onCut: (reason) => options.meter.connectionCut(door, reason),
    shortcut: (context) => createPlainPublish({ ...options, gate }, context),
  })
  deviceRoutes(app, { ...options, gate }, () => {
    pageRoutes(app)
    historyRoute(app, options)
    topicsInfoRoute(app, options)
    return streamRoutes(app, options)
  })

  function refuse(socket: Socket, who: Identity | null, error: GatewayError): void {
    options.onUpgradeRefused(door, socket, who, error)
    socket.end(rawAnswer(error, createTraceId()), () => socket.destroy())
  }

  const webSockets = new Set<Socket>()
  app.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    // nobody else listens yet, and without a listener an error, such as a reset connection, would end the process
    socket.on('error', () => {})
    const asked = request as unknown as Http2ServerRequest
    onRequest?.(asked)
    const who = admit(asked) ?? senders.of(request)
    if (who instanceof GatewayError) {
      refuse(socket, null, who)
      return
    }
    const refused = originProblem(request.headers) ?? upgradeProblem(request)
    const problem = refused ?? senders.enter(request, socket)
    if (problem) {
      refuse(socket, who, problem)
      return
    }
    webSockets.add(socket)
    socket.once('close', () => webSockets.delete(socket))
    const ended = senders.ended(who)
    options.mqtt.accept(request, socket, head, { identity: who, door, ...(ended && { ended }) })
  })
  app.addHook('preClose', async () => {
    // a server waits for its upgraded connections, and these do not end by themselves
    for (const socket of webSockets) socket.destroySoon()
  })
  return app
}

/** The paths at which MQTT clients ask for a WebSocket: some use a fixed path, others none. */
const PATHS: readonly string[] = ['/', '/mqtt']

function upgradeProblem(request: IncomingMessage): GatewayError | null {
  if (!PATHS.includes(pathOf(request.url ?? '')))
    return new GatewayError('not_found', 'WebSockets are served at / and /mqtt only.')
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',')
  if (offered.some((name) => name.trim() === 'mqtt' || name.trim() === 'mqttv3.1')) return null
  return new GatewayError(
    'request_invalid',
    'Offer the WebSocket subprotocol "mqtt" [MQTT-6.0.0-3].',
  )
}
