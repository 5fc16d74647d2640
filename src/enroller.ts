import { readFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import type { Logger } from 'pino'
import { randomDeviceName, toDeviceId } from './ca/device-id.ts'
import { followLedger } from './ca/follow-ledger.ts'
import { openLayout } from './ca/layout.ts'
import type { Config } from './config/load.ts'
import { createOpener, type OpenDoors } from './doors/opener.ts'
import { createRenewalAuthorities } from './enrol/authorities.ts'
import { CREDENTIALS, REFUSAL_REASONS } from './enrol/decision.ts'
import { createDecisionLog } from './enrol/decision-log.ts'
import { type EnrolOutcome, openEnrolment } from './enrol/enrolment.ts'
import { createLedgerLog } from './enrol/ledger-log.ts'
import { UsageError } from './errors.ts'
import { createEnrolDoor } from './http/enrol-door.ts'
import { createMemoryGuards } from './http/memory-guards.ts'
import { createOpsDoor } from './http/ops-door.ts'
import { createSpoofDetector } from './identity/proxy/spoofed.ts'
import { createTrustLog } from './identity/trust-log.ts'
import { openTrust } from './identity/trust-source.ts'
import { createEnrolMetrics, type EnrolResult } from './metrics/enrol.ts'
import { createReports } from './metrics/reports.ts'

/** The process that can use the CA's key. */
export interface Enroller extends AsyncDisposable {
  readonly doors: OpenDoors
  /** Reads the CA's certificate and the gateway's again. */
  reload(): Promise<void>
  /** Takes nothing new, answers what is in flight within `drainSeconds`, and closes. */
  drain(): Promise<void>
}

const RESULTS: Readonly<Record<EnrolOutcome['kind'] | 'failed', EnrolResult>> = {
  issued: 'issued',
  wait: 'waiting',
  refuse: 'refused',
  failed: 'failed',
}

/** Opens the enrol door on a directory that `init` made. Rejects with `UsageError` for what a person can mend. */
export async function openEnroller(
  directory: string,
  config: Config,
  log: Logger,
): Promise<Enroller> {
  if (config.doors.enrol === null)
    throw new UsageError('the enrol door is off, so there is nothing to run: set WOTT_ENROL_LISTEN')
  await using building = new AsyncDisposableStack()
  const { authority, certs } = openLayout(directory)
  const enrolment = await openEnrolment(directory, config.enrol)
  const { waiting } = enrolment
  const metrics = createEnrolMetrics({ vias: CREDENTIALS, reasons: REFUSAL_REASONS, waiting })
  const { meter } = metrics
  const reports = createReports(meter, log)
  const ledger = await followLedger(authority.ledger, createLedgerLog(log))
  building.defer(ledger.close)
  const files = {
    caFile: authority.certificate,
    certFile: certs.certificate,
    keyFile: certs.key,
    tlsVersion: config.trust.tlsVersion,
    ciphers: config.trust.ciphers,
  }
  const trust = await openTrust(files, { meter, onReload: createTrustLog(log) })
  building.defer(trust.close)
  const authorities = createRenewalAuthorities(trust)

  // nobody here has said who they are
  const { strangers } = createMemoryGuards(config.memory, reports)
  const logDecision = createDecisionLog(log)
  const isSpoofed = createSpoofDetector()
  const app = createEnrolDoor({
    enrolment,
    meter,
    log,
    memory: strangers,
    strangers,
    settings: config.http,
    onRequest: (request) => {
      if (isSpoofed(request)) meter.identityHeaderIgnored('enrol')
    },
    trust: trust.current,
    authorities: authorities.pems,
    revocations: () => readFile(authority.crl, 'utf8'),
    newId: () => toDeviceId(randomDeviceName()),
    onDecided(credential, outcome, address) {
      metrics.enrolled(credential.kind, RESULTS[outcome?.kind ?? 'failed'])
      if (outcome?.kind === 'refuse') metrics.refused(outcome.reason)
      // what failed is in the log already, with its cause
      if (outcome) logDecision(credential, outcome, address)
    },
  })
  authorities.watch(app.server)
  trust.onChange(({ context }) => app.server.setSecureContext(context))

  const opener = building.use(await createOpener('enrol', config, reports))
  const { doors } = opener
  let isStopping = false
  const ops = createOpsDoor({
    metrics,
    door: 'enrol-ops',
    settings: config.http,
    readiness: () => ({
      doors: doors.enrol ? null : 'not listening: enrol',
      draining: isStopping ? 'the enrol door is stopping' : null,
    }),
    degradation: () => ({}),
  })
  // readiness can be asked first, and says no until the door is open
  await opener.openHttp('enrol-ops', config.doors['enrol-ops'], ops)
  await opener.openHttp('enrol', config.doors.enrol, app)

  const running = building.move()
  return {
    doors,
    async reload() {
      await Promise.all([trust.reload(), ledger.reload()])
    },
    async drain() {
      isStopping = true
      const deadline = setTimeout(config.process.drainMs, null, { ref: false })
      await Promise.race([opener.drain(), deadline])
      await running.disposeAsync()
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
