import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createAccess } from '../acl/access.ts'
import type { AclSource } from '../acl/reload.ts'
import type { Broker } from '../broker/broker.ts'
import { GatewayError } from '../errors.ts'
import { identityOf } from '../identity/connection.ts'
import type { Identity } from '../identity/identity.ts'
import { refusalOf } from '../identity/refusals.ts'
import type { Caller, Relay } from '../relay/relay.ts'
import type { Turns } from '../turns.ts'
import { type App, type AppOptions, createApp, pathOf, type Request, sendProblem } from './app.ts'
import { nameCaller } from './caller.ts'
import { type HistoryRouteOptions, historyRoute } from './history.ts'
import { originProblem } from './origin.ts'
import { pageRoutes } from './pages.ts'
import { rawAnswer } from './problem.ts'
import { type PublishOptions, publishRoute } from './publish.ts'
import { publishManyRoute } from './publish-many.ts'
import { readRoutes } from './read.ts'
import { sessionRoute } from './session.ts'
import { type StreamRoutesOptions, streamRoutes } from './stream.ts'
import { whoamiRoute } from './whoami.ts'

export interface DeviceDoorOptions
  extends Omit<AppOptions, 'requestCert' | 'admit' | 'onCut'>,
    PublishOptions,
    StreamRoutesOptions,
    HistoryRouteOptions {
  readonly acl: AclSource
  readonly broker: Broker
  readonly relay: Pick<Relay, 'publish' | 'refuse'>
  readonly turns: Turns
  /** Takes over the socket of an upgrade request whose path and identity are right. */
  readonly mqtt: { accept(request: IncomingMessage, socket: Duplex, head: Buffer): void }
}

/** Milliseconds that a request is taken to need, of which only some can be measured. */
const REQUEST_MS = 0.2

/** Devices over HTTPS, and MQTT over WebSocket at /mqtt. Nothing behind this door is reached without an identity. */
export function createDeviceDoor(options: DeviceDoorOptions): App {
  const { turns } = options
  const app = createApp({
    ...options,
    requestCert: true,
    admit: ({ socket }) => refusalOf(socket),
    onCut: (reason) => options.meter.connectionCut('device', reason),
  })
  // one connection, one caller: what the ACL said once is remembered for its next request
  const callers = new WeakMap<Identity, Caller>()

  function callerFor(identity: Identity): Caller {
    let caller = callers.get(identity)
    if (!caller) {
      // over HTTP a device has no client id but its name
      const access = createAccess(options.acl, { user: identity.id, clientId: identity.id })
      caller = { identity, access, door: 'device' }
      callers.set(identity, caller)
    }
    return caller
  }

  app.addHook('onRequest', async (request, reply) => {
    const who = identityOf(request.raw.socket)
    const refused = who instanceof GatewayError ? who : originProblem(request.headers)
    if (refused) {
      sendProblem(request, reply, refused)
      return reply
    }
    const caller = callerFor(who as Identity)
    nameCaller(request, caller)
    await new Promise<void>((resolve) => turns.enter(caller.identity.id, resolve, REQUEST_MS))
    if (!isGone(request)) return
    // whoever begins to serve it now would wait for an end that has been
    reply.hijack()
    return reply
  })

  pageRoutes(app)
  publishRoute(app, options)
  publishManyRoute(app, options, turns)
  readRoutes(app, options, streamRoutes(app, options))
  historyRoute(app, options)
  whoamiRoute(app)
  sessionRoute(app, 'certificate')

  const webSockets = new Set<Socket>()
  app.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    // nobody else listens yet, and an error that nobody hears would end the process: a reset connection is enough
    socket.on('error', () => {})
    const refused = refusalOf(socket) ?? originProblem(request.headers) ?? upgradeProblem(request)
    if (refused) {
      refuseUpgrade(socket, refused)
      return
    }
    webSockets.add(socket)
    socket.once('close', () => webSockets.delete(socket))
    options.mqtt.accept(request, socket, head)
  })
  app.addHook('preClose', async () => {
    // a server waits for its upgraded connections, and these have no end of their own
    for (const socket of webSockets) socket.destroySoon()
  })
  return app
}

/** Whether a request was cancelled, or its connection ended, while it waited. */
function isGone({ raw }: Request): boolean {
  // HTTP/1.1 requests have no stream
  const stream = raw.stream as Http2ServerRequest['stream'] | undefined
  return (stream ?? raw.socket).destroyed
}

function upgradeProblem(request: IncomingMessage): GatewayError | null {
  if (pathOf(request.url ?? '') !== '/mqtt')
    return new GatewayError('not_found', 'WebSockets are served at /mqtt only.')
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',')
  if (offered.some((name) => name.trim() === 'mqtt' || name.trim() === 'mqttv3.1')) return null
  return new GatewayError(
    'request_invalid',
    'Offer the WebSocket subprotocol "mqtt" [MQTT-6.0.0-3].',
  )
}

function refuseUpgrade(socket: Socket, error: GatewayError): void {
  socket.end(rawAnswer(error, randomUUID()), () => socket.destroy())
}
