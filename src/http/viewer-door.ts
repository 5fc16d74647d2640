import type { Socket } from 'node:net'
import { createAccess } from '../acl/access.ts'
import type { AclSource } from '../acl/reload.ts'
import type { Broker } from '../broker/broker.ts'
import type { Caller } from '../caller.ts'
import { GatewayError } from '../errors.ts'
import type { OpenSession, Viewers } from '../viewer/viewers.ts'
import { type AppOptions, createApp, sendProblem } from './app.ts'
import { nameCaller } from './caller.ts'
import type { HttpSettings } from './deadlines.ts'
import type { App } from './fastify.ts'
import { type HistoryRouteOptions, historyRoute } from './history.ts'
import { originProblem } from './origin.ts'
import { pageRoutes } from './pages.ts'
import { type ReadRoutesOptions, readRoutes } from './read.ts'
import {
  acceptCookies,
  loginRoute,
  logoutRoute,
  sessionOf,
  sessionRoute,
  viewRoute,
} from './session.ts'
import { createStrangers } from './strangers.ts'
import { type StreamRoutesOptions, streamRoutes } from './stream.ts'
import { type TopicsInfoOptions, topicsInfoRoute } from './topics-info.ts'
import { whoamiRoute } from './whoami.ts'

export interface ViewerDoorOptions
  extends Omit<AppOptions, 'requestCert' | 'admit' | 'onCut'>,
    ReadRoutesOptions,
    StreamRoutesOptions,
    HistoryRouteOptions,
    TopicsInfoOptions {
  readonly acl: AclSource
  readonly broker: Broker
  readonly viewers: Viewers
  readonly settings: HttpSettings
  /** Called for each request with a valid session. */
  onSession(peer: Peer, name: string): void
  /** Called at each login, with the session's end, and at each logout. */
  readonly visits: {
    loggedIn(peer: Peer, name: string, expires: number): void
    loggedOut(peer: Peer, name: string): void
  }
}

/** The two ends of a connection. */
type Peer = Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress' | 'localPort'>

/** The door for people with browsers: the dashboard for everybody and, with a session, all that the ACL lets its name read. */
export function createViewerDoor(options: ViewerDoorOptions): App {
  const { viewers, settings, onSession } = options
  const strangers = createStrangers(settings, options.meter, 'viewer')
  const app = createApp({
    ...options,
    requestCert: false,
    admit: strangers.problem,
    onCut: (reason) => options.meter.connectionCut('viewer', reason),
  })
  acceptCookies(app)
  app.addHook('onRequest', async (request, reply) => {
    const refused = originProblem(request.headers)
    if (!refused) return
    sendProblem(request, reply, refused)
    return reply
  })

  pageRoutes(app)
  loginRoute(
    app,
    viewers,
    (request) => strangers.guessProblem(request.raw),
    ({ raw }, { name, expires }) => options.visits.loggedIn(raw.socket, name, expires),
  )
  logoutRoute(app, viewers, ({ raw }, { name }) => options.visits.loggedOut(raw.socket, name))
  app.register(async (scope) => {
    const behind = scope as unknown as App
    // one session, one caller: the ACL's answers are remembered for its next request
    const callers = new WeakMap<AbortSignal, Caller>()
    behind.addHook('onRequest', async (request, reply) => {
      const session = sessionOf(request, viewers)
      if (session instanceof GatewayError) {
        sendProblem(request, reply, session)
        return reply
      }
      strangers.known(request.raw)
      onSession(request.raw.socket, session.name)
      let caller = callers.get(session.ended)
      if (!caller) {
        caller = toCaller(options.acl, session)
        callers.set(session.ended, caller)
      }
      nameCaller(request, caller)
    })
    sessionRoute(behind, viewers)
    viewRoute(behind, viewers)
    readRoutes(behind, options, streamRoutes(behind, options))
    historyRoute(behind, options)
    topicsInfoRoute(behind, options)
    whoamiRoute(behind)
  })
  return app
}

function toCaller(acl: AclSource, { name, expires, ended }: OpenSession): Caller {
  const access = createAccess(acl, { user: name, clientId: name })
  return { identity: { id: name, notAfter: expires }, access, door: 'viewer', ended }
}
