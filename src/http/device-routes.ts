import type { Http2ServerRequest } from 'node:http2'
import { createAccess } from '../acl/access.ts'
import type { AclSource } from '../acl/reload.ts'
import { GatewayError } from '../errors.ts'
import type { Identity } from '../identity/identity.ts'
import { connectionSenders, type Senders } from '../identity/senders.ts'
import type { Door } from '../metrics/meter.ts'
import type { Caller } from '../relay/relay.ts'
import type { Turns } from '../turns.ts'
import { type App, type Request, sendProblem } from './app.ts'
import { callerOf, nameCaller } from './caller.ts'
import { type CommandRoutesOptions, commandRoutes } from './commands.ts'
import { type InfluxOptions, influxRoutes } from './influx/routes.ts'
import { originProblem } from './origin.ts'
import { type PublishOptions, publishRoute } from './publish.ts'
import { type PublishManyOptions, publishManyRoute } from './publish-many.ts'
import { type ReadOptions, readRoutes } from './read.ts'
import { sessionRoute } from './session.ts'
import type { StreamRoutes } from './stream.ts'
import { whoamiRoute } from './whoami.ts'

export interface DeviceRoutesOptions
  extends PublishOptions,
    PublishManyOptions,
    InfluxOptions,
    ReadOptions,
    CommandRoutesOptions {
  readonly acl: AclSource
  readonly relay: PublishManyOptions['relay']
  readonly commands: CommandRoutesOptions['commands']
  readonly turns: Turns
  /** What the metrics and the log call the door. */
  readonly door?: Extract<Door, 'device' | 'proxy'>
  /** Who sends a request; the device whose connection it is, unless told otherwise. */
  readonly senders?: Senders
}

/** Adds what needs a process that stays: streams, and what is read from the log. */
export type LiveRoutes = (app: App) => StreamRoutes

/** Milliseconds that a request is taken to need, of which only some can be measured. */
const REQUEST_MS = 0.2

/** What devices ask for, wherever the gateway runs. Nothing here is reached without an identity. */
export function deviceRoutes(app: App, options: DeviceRoutesOptions, live: LiveRoutes): void {
  nameCallers(app, options)
  publishRoute(app, options)
  publishManyRoute(app, options, options.turns)
  influxRoutes(app, options, options.turns)
  readRoutes(app, options, live(app))
  commandRoutes(app, options)
  whoamiRoute(app)
  sessionRoute(app, 'certificate')
}

function nameCallers(
  app: App,
  { acl, turns, door = 'device', senders = connectionSenders }: DeviceRoutesOptions,
): void {
  // one identity, one caller: what the ACL said once is remembered for its next request
  const callers = new WeakMap<Identity, Caller>()

  function callerFor(identity: Identity): Caller {
    let caller = callers.get(identity)
    if (!caller) {
      // over HTTP a device has no client id but its name
      const access = createAccess(acl, { user: identity.id, clientId: identity.id })
      const ended = senders.ended(identity)
      caller = { identity, access, door, ...(ended && { ended }) }
      callers.set(identity, caller)
    }
    return caller
  }

  app.addHook('onRequest', async (request, reply) => {
    const who = senders.of(request.raw)
    const refused =
      who instanceof GatewayError
        ? who
        : (senders.enter(request.raw, reply.raw) ?? originProblem(request.headers))
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
  if (senders === connectionSenders) return
  // the connection goes on when the certificate is revoked while the body comes
  app.addHook('preHandler', (request, _reply, done) => {
    const { ended } = callerOf(request)
    done(ended?.aborted ? (ended.reason as GatewayError) : undefined)
  })
}

/** Whether a request was cancelled, or its connection ended, while it waited. */
function isGone({ raw }: Request): boolean {
  // HTTP/1.1 requests have no stream
  const stream = raw.stream as Http2ServerRequest['stream'] | undefined
  return (stream ?? raw.socket).destroyed
}
