import { GatewayError } from '../errors.ts'
import type { Turns } from '../turns/turns.ts'
import { sendProblem } from './app.ts'
import { callerOf, nameCaller } from './caller.ts'
import { type CommandRoutesOptions, commandRoutes } from './commands.ts'
import type { App } from './fastify.ts'
import type { Gate } from './gate.ts'
import { type InfluxOptions, influxRoutes } from './influx/routes.ts'
import { type PublishOptions, publishRoute } from './publish.ts'
import { type PublishManyOptions, publishManyRoute } from './publish-many.ts'
import { type ReadRoutesOptions, readRoutes } from './read.ts'
import { sessionRoute } from './session.ts'
import type { StreamRoutes } from './stream.ts'
import { whoamiRoute } from './whoami.ts'

export interface DeviceRoutesOptions
  extends PublishOptions,
    PublishManyOptions,
    InfluxOptions,
    ReadRoutesOptions,
    CommandRoutesOptions {
  readonly gate: Gate
  readonly relay: PublishManyOptions['relay']
  readonly commands: CommandRoutesOptions['commands']
  readonly turns: Turns
}

/** Adds the routes that need a process that keeps running: streams, and reading from the log. */
export type LiveRoutes = (app: App) => StreamRoutes

/** The routes for devices, in every kind of deployment. None of them can be reached without an identity. */
export function deviceRoutes(app: App, options: DeviceRoutesOptions, live: LiveRoutes): void {
  nameCallers(app, options.gate)
  publishRoute(app, options)
  publishManyRoute(app, options, options.turns)
  influxRoutes(app, options, options.turns)
  readRoutes(app, options, live(app))
  commandRoutes(app, options)
  whoamiRoute(app)
  sessionRoute(app, null)
}

function nameCallers(app: App, gate: Gate): void {
  app.addHook('onRequest', (request, reply, done) => {
    const caller = gate.admit(request.raw, reply.raw)
    if (caller instanceof GatewayError) {
      sendProblem(request, reply, caller)
      return
    }
    nameCaller(request, caller)
    gate.enter(caller, request.raw, { serve: done, gone: () => reply.hijack() })
  })
  // the certificate may have been revoked while the body arrived
  app.addHook('preHandler', (request, _reply, done) => {
    const { ended } = callerOf(request)
    done(ended?.aborted ? (ended.reason as GatewayError) : undefined)
  })
}
