import type { IncomingMessage } from 'node:http'
import type { Http2Session } from 'node:http2'
import type { Duplex } from 'node:stream'
import { createAccess } from '../acl/access.ts'
import type { AclSource } from '../acl/reload.ts'
import type { Broker } from '../broker/broker.ts'
import type { MqttUpgrade } from '../broker/listeners.ts'
import { GatewayError } from '../errors.ts'
import { identityOf } from '../identity/connection.ts'
import type { Identity } from '../identity/identity.ts'
import type { Caller } from '../relay/relay.ts'
import { type App, type AppOptions, createApp, pathOf, type Request, sendProblem } from './app.ts'
import { nameCaller } from './caller.ts'
import { PROBLEM_TYPE, toProblem } from './problem.ts'
import { type PublishOptions, publishRoute } from './publish.ts'
import { publishManyRoute } from './publish-many.ts'
import { readRoutes } from './read.ts'
import { type StreamRoutesOptions, streamRoutes } from './stream.ts'
import { whoamiRoute } from './whoami.ts'

export interface DeviceDoorOptions
  extends Omit<AppOptions, 'requestCert'>,
    PublishOptions,
    StreamRoutesOptions {
  readonly acl: AclSource
  readonly broker: Broker
  readonly mqtt: MqttUpgrade
}

/** Devices over HTTPS, and MQTT over WebSocket at /mqtt. Nothing behind this door is reached without an identity. */
export function createDeviceDoor(options: DeviceDoorOptions): App {
  const app = createApp({ ...options, requestCert: true })
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
      if (refused.status === 401) closeAfterAnswer(request, reply.raw)
      sendProblem(request, reply, refused)
      return reply
    }
    nameCaller(request, callerFor(who as Identity))
  })

  publishRoute(app, options)
  publishManyRoute(app, options.relay, options.meter)
  readRoutes(app, options.broker, streamRoutes(app, options))
  whoamiRoute(app)

  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const who = identityOf(socket)
    const refused =
      who instanceof GatewayError
        ? who
        : (originProblem(request.headers) ?? upgradeProblem(request))
    if (refused) refuseUpgrade(socket, refused)
    else options.mqtt.accept(request, socket, head)
  })
  return app
}

/**
 * A page of another site, open in a browser that holds a device certificate, must not speak in that
 * device's name. Programs send no Origin.
 */
function originProblem(headers: IncomingMessage['headers']): GatewayError | null {
  const { origin } = headers
  const host = headers[':authority'] ?? headers.host
  if (origin === undefined || origin === `https://${host}`) return null
  return new GatewayError(
    'origin_denied',
    `Pages of ${origin} may not use this device's certificate.`,
  )
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

function refuseUpgrade(socket: Duplex, error: GatewayError): void {
  const body = JSON.stringify(toProblem(error, crypto.randomUUID()))
  socket.end(
    [
      `HTTP/1.1 ${error.status} Refused`,
      `content-type: ${PROBLEM_TYPE}`,
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
      '',
      body,
    ].join('\r\n'),
  )
}

function closeAfterAnswer(
  request: Request,
  response: { once(event: 'finish', then: () => void): void },
): void {
  const { stream, socket } = request.raw as { stream?: { session?: Http2Session }; socket: Duplex }
  response.once('finish', () => {
    const session = stream?.session
    if (session) session.close()
    else socket.end()
  })
}
