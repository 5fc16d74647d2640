import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import type { Logger } from 'pino'
import { createAccess } from '../acl/access.ts'
import { createDenials } from '../acl/denials.ts'
import { createAclLog } from '../acl/follow.ts'
import { openAcl } from '../acl/reload.ts'
import { openBroker } from '../broker/open.ts'
import { createNoCommands } from '../commands/commands.ts'
import type { Config } from '../config/load.ts'
import { codeOf, GatewayError, UsageError } from '../errors.ts'
import { closeApp, createApp } from '../http/app.ts'
import { deviceRoutes } from '../http/device-routes.ts'
import { createGate } from '../http/gate.ts'
import { createMemoryGuards } from '../http/memory-guards.ts'
import { notLiveRoutes } from '../http/not-live.ts'
import { problemAnswer } from '../http/problem.ts'
import { createTooLargeLog } from '../http/publish.ts'
import { createTrustLog } from '../identity/trust-log.ts'
import { openDeviceTrust } from '../identity/trust-source.ts'
import { silentMeter } from '../metrics/meter.ts'
import { createReports } from '../metrics/reports.ts'
import { createIntake } from '../relay/intake.ts'
import { createTurns } from '../turns/turns.ts'
import type { EventRequest } from './event.ts'
import { exchange } from './exchange.ts'
import { createPatientBroker } from './patient-broker.ts'
import type { HttpAnswer } from './result.ts'
import { createEventSenders } from './senders.ts'

/** What a gateway is made of that listens nowhere: it answers requests that others have received. */
export interface GatewayFunction extends AsyncDisposable {
  /** The answer to one request, after so many milliseconds at the latest. */
  answer(request: EventRequest, ms: number): Promise<HttpAnswer>
  /** Resolves once there is a connection to the broker, or none came in the time that a request waits for it. */
  ready(): Promise<void>
}

/** Begins to connect to the broker, and does not wait for it. Throws a UsageError where settings or files are wrong. */
export async function openFunction(config: Config, log: Logger): Promise<GatewayFunction> {
  await using building = new AsyncDisposableStack()
  const meter = silentMeter
  const reports = createReports(meter, log)
  const denials = createDenials(log)
  const guards = createMemoryGuards(config.memory, reports)
  const { acl, trust, reloadChanged } = await openFiles(config, log)
  building.defer(() => acl.close())

  // each function would get every message
  const relayed = { ...config.broker.relayed, subscribe: null }
  const opened = await openBroker(
    { ...config.broker, relayed },
    {
      rules: { ...config.publishing, idPattern: config.trust.idPattern },
      memory: guards.memory,
      meter,
      log,
      accessOf: (device, clientId) => createAccess(acl, { user: device, clientId }),
    },
  )
  building.defer(() => opened.close())
  building.defer(() => opened.end())
  const { uplink } = opened
  if (!uplink) throw new UsageError('a function needs WOTT_BROKER=mqtts://HOST:PORT')
  const patient = createPatientBroker(opened, { uplink, waitMs: config.function.waitMs })
  const { broker } = patient

  const senders = createEventSenders({
    trust: () => trust.current,
    pattern: config.trust.idPattern,
    loadBalancer:
      config.proxy.format === 'alb' ? { certificate: config.proxy.headers.certificate } : null,
    mostRemembered: config.trust.rememberedCertificates,
  })
  const app = createApp({
    ...guards,
    log,
    settings: config.http,
    trust: null,
    requestCert: true,
    whoSends: senders.of,
    onCut: () => {},
  })
  const relay = createIntake(config.publishing, { broker, denials, meter })
  const turns = createTurns()
  deviceRoutes(
    app,
    {
      broker,
      denials,
      meter,
      relay,
      turns,
      gate: createGate({ acl, turns, senders, door: 'device' }),
      keys: opened.keys,
      commands: createNoCommands(
        'This gateway runs as a function that stops after each answer, so it has no commands. Use a gateway that runs all the time.',
      ),
      maxPollWaitSeconds: config.commands.maxPollWaitSeconds,
      maxPayloadBytes: config.publishing.maxPayloadBytes,
      influx: config.influx,
      onTooLarge: createTooLargeLog(reports),
    },
    notLiveRoutes,
  )
  building.defer(() => closeApp(app))
  await app.ready()
  const server = app.server as unknown as Server

  async function answer(request: EventRequest, ms: number): Promise<HttpAnswer> {
    const signal = AbortSignal.timeout(Math.max(0, ms))
    patient.begin()
    try {
      await reloadChanged()
      const onConnection = (served: object) => senders.name(served, request)
      return await exchange(server, request, { signal, onConnection })
    } catch (error) {
      return failed(error, log)
    } finally {
      patient.end()
    }
  }

  const running = building.move()
  const ready = () => uplink.connected(config.function.waitMs).catch(() => {})
  return { answer, ready, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

/** The ACL file and the CA. They are checked for changes with each request, because a frozen process has no timers. */
async function openFiles(config: Config, log: Logger) {
  const acl = await openAcl(config.access.aclFile, {
    watch: false,
    onReload: createAclLog(config.access.aclFile, log),
  })
  const trust = await openDeviceTrust(config.trust, createTrustLog(log))
  let checked = Date.now()
  return {
    acl,
    trust,
    async reloadChanged(): Promise<void> {
      // by the system's clock: the steady one may stand still with the machine
      if (Math.abs(Date.now() - checked) < config.function.reloadMs) return
      checked = Date.now()
      await Promise.all([acl.reloadIfChanged(), trust.reloadIfChanged()])
    },
  }
}

/** The answer to a request that failed, or that was not answered in time. */
function failed(error: unknown, log: Logger): HttpAnswer {
  const traceId = randomUUID()
  const refusal = refusalOf(error)
  if (refusal.status === 500) log.error({ err: error, traceId }, refusal.message)
  const { headers, body } = problemAnswer(refusal, traceId)
  return {
    status: refusal.status,
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, String(value)]),
    ),
    body: Buffer.from(body),
  }
}

/** Node's error codes for a request that HTTP cannot carry. */
const UNSPEAKABLE: ReadonlySet<string | undefined> = new Set([
  ...['ERR_INVALID_CHAR', 'ERR_INVALID_HTTP_TOKEN', 'ERR_UNESCAPED_CHARACTERS'],
])

function refusalOf(error: unknown): GatewayError {
  if (UNSPEAKABLE.has(codeOf(error)))
    return new GatewayError('request_invalid', (error as Error).message)
  if (codeOf(error) === 'ABORT_ERR')
    return new GatewayError(
      'broker_unavailable',
      'The function had to stop before there was an answer. It is not known whether the message was published.',
      { retryAfter: 2 },
    )
  return new GatewayError(
    'internal_error',
    'Something went wrong inside the gateway; its log has the same traceId.',
  )
}
