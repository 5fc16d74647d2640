import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Server } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import type { TLSSocket, Server as TlsServer } from 'node:tls'
import type { Logger } from 'pino'
import { randomDeviceName, toDeviceId } from './ca/device-id.ts'
import { followLedger } from './ca/follow-ledger.ts'
import { openLayout } from './ca/layout.ts'
import type { Config } from './config/load.ts'
import type { ListenAddress } from './config/values.ts'
import { availableSlots, createConnectionSlots } from './door/connection-slots.ts'
import { type BindTo, type DoorOptions, listen, type OpenDoor } from './door/listen.ts'
import type { WaitingKey } from './enrol/book.ts'
import { CREDENTIALS, type Credential, REFUSAL_REASONS } from './enrol/decide.ts'
import { type EnrolOutcome, openEnrolment } from './enrol/enrolment.ts'
import { createLedgerLog } from './enrol/ledger-log.ts'
import { notePeer } from './enrol/peer.ts'
import { UsageError } from './errors.ts'
import {
  createDoorArrivals,
  createDoorGuards,
  createMemoryGuards,
  createPlainLog,
  OPS_CONNECTIONS,
} from './guards.ts'
import { closeApp, drainApp } from './http/app.ts'
import { createEnrolDoor } from './http/enrol-door.ts'
import { createOpsDoor } from './http/ops-door.ts'
import { PLAIN_HTTP } from './http/plain-http.ts'
import { createSpoofDetector } from './identity/proxy/spoofed.ts'
import { createRefusals } from './identity/refusals.ts'
import type { Trust } from './identity/trust.ts'
import { openTrust } from './identity/trust-source.ts'
import { createLogLimit } from './log-limit.ts'
import { createEnrolMetrics, type EnrolResult } from './metrics/enrol.ts'
import type { Door } from './metrics/meter.ts'
import { createTrustLog } from './reload-log.ts'

/** The process that can use the CA's key. */
export interface Enroller extends AsyncDisposable {
  /** Where each door listens; a door that is off is not here. */
  readonly doors: Partial<Record<Door, OpenDoor>>
  /** Reads the CA's certificate and the gateway's again. */
  reload(): Promise<void>
  /** Takes nothing new, answers what is in flight within `drainSeconds`, and closes. */
  drain(): Promise<void>
}

/** Opens the enrol door on a directory that `init` made. Rejects with `UsageError` for what a person can mend. */
export async function openEnroller(
  directory: string,
  config: Config,
  log: Logger,
): Promise<Enroller> {
  if (config.enrolListen === null)
    throw new UsageError('the enrol door is off, so there is nothing to run')
  await using building = new AsyncDisposableStack()
  const layout = openLayout(directory)
  const enrolment = await openEnrolment(directory, {
    days: config.enrolDays,
    mayWait: config.enrolApproval === 'on',
  })
  const metrics = createEnrolMetrics({
    vias: CREDENTIALS,
    reasons: REFUSAL_REASONS,
    waiting: enrolment.waiting,
  })
  const { meter } = metrics
  const ledger = await followLedger(layout.authority.ledger, createLedgerLog(log))
  building.defer(() => ledger.close())
  const files = {
    caFile: layout.authority.certificate,
    certFile: layout.certs.certificate,
    keyFile: layout.certs.key,
    tlsVersion: config.tlsVersion,
    ciphers: config.ciphers,
  }
  const trust = await openTrust(files, {
    meter,
    onReload: createTrustLog(log),
  })
  building.defer(() => trust.close())
  let authorities = authoritiesOf(trust.current)
  const connected = new Set<TLSSocket>()
  const note = (socket: TLSSocket) =>
    notePeer(
      socket,
      authorities.map(({ certificate }) => certificate),
    )
  trust.onChange((current) => {
    authorities = authoritiesOf(current)
    // a connection that was made with a certificate of a CA that is gone renews nothing any more
    for (const socket of connected) note(socket)
  })

  const logLimited = createLogLimit()
  // nobody here has said who they are
  const { strangers } = createMemoryGuards(config, { logLimited, log })
  const say = createDecisionLog(log)
  const isSpoofed = createSpoofDetector()
  const app = createEnrolDoor({
    enrolment,
    meter,
    log,
    memory: strangers,
    strangers,
    settings: config,
    onRequest: (request) => {
      if (isSpoofed(request)) meter.identityHeaderIgnored('enrol')
    },
    trust: trust.current,
    authorities: () => authorities.map(({ pem }) => pem),
    revocations: () => readFile(layout.authority.crl, 'utf8'),
    newId: () => toDeviceId(randomDeviceName()),
    onDecided(credential, outcome, address) {
      metrics.enrolled(credential.kind, RESULTS[outcome?.kind ?? 'failed'])
      if (outcome?.kind === 'refuse') metrics.refused(outcome.reason)
      // what failed is in the log already, with its cause
      if (outcome) say(credential, outcome, address)
    },
  })
  const server = app.server as unknown as TlsServer
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    note(socket)
    connected.add(socket)
    socket.once('close', () => connected.delete(socket))
  })
  trust.onChange(({ context }) => server.setSecureContext(context))

  const slots = createConnectionSlots(await availableSlots())
  // so all slots are for strangers
  const maxStrangers = slots.total
  const admissions = createDoorGuards(config, { maxStrangers, meter, logLimited, log })
  const refusals = createRefusals(log)
  const doors: Partial<Record<Door, OpenDoor>> = {}
  let stopping = false
  async function openDoor(
    { door, address }: Pick<DoorOptions, 'door'> & { readonly address: ListenAddress },
    app: Openable,
    options: Partial<DoorOptions>,
  ): Promise<void> {
    if (address === null) return
    await app.ready()
    building.defer(() => closeApp(app))
    const opened = await listen(app.server, {
      door,
      address,
      meter,
      maxConnections: OPS_CONNECTIONS,
      bind: (to: BindTo) => app.listen(to),
      ...options,
    })
    building.defer(() => opened.close())
    doors[door] = opened
    log.info({ door, address: opened.address }, 'listening')
  }

  const ops = createOpsDoor({
    metrics,
    door: 'enrol-ops',
    settings: config,
    readiness: () => ({
      doors: doors.enrol ? null : 'not listening: enrol',
      draining: stopping ? 'the enrol door is stopping' : null,
    }),
    degradation: () => ({}),
  })
  // readiness can be asked first, and says no until the door is open
  await openDoor({ door: 'enrol-ops', address: config.enrolOpsListen }, ops, {})
  await openDoor({ door: 'enrol', address: config.enrolListen }, app as unknown as Openable, {
    maxConnections: admissions.mostConnections,
    admission: admissions.of('enrol'),
    slots,
    arrivals: createDoorArrivals('enrol', config, { meter, logLimited, log }),
    plain: PLAIN_HTTP,
    onPlain: createPlainLog('enrol', { logLimited, log }),
    onRefused: (socket, error) => refusals.note('enrol', socket, error),
  })

  const running = building.move()
  return {
    doors,
    async reload() {
      await Promise.all([trust.reload(), ledger.reload()])
    },
    async drain() {
      stopping = true
      const deadline = setTimeout(config.drainSeconds * 1000, null, { ref: false })
      await Promise.race([drainApp(app, doors.enrol), deadline])
      await running.disposeAsync()
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** An app of either door. */
interface Openable {
  readonly server: Server
  ready(): PromiseLike<unknown>
  listen(address: { readonly host: string; readonly port: number }): Promise<unknown>
  close(): PromiseLike<unknown>
}

const RESULTS: Readonly<Record<EnrolOutcome['kind'] | 'failed', EnrolResult>> = {
  issued: 'issued',
  wait: 'waiting',
  refuse: 'refused',
  failed: 'failed',
}

interface AuthorityInForce {
  readonly certificate: X509Certificate
  readonly pem: string
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

function authoritiesOf({ context }: Trust): AuthorityInForce[] {
  return (String(context.ca).match(PEM_CERTIFICATE) ?? []).map((pem) => ({
    certificate: new X509Certificate(pem),
    pem: `${pem}\n`,
  }))
}

/** What came of requests, in the log; refusals of those who prove no name logLimited, as anybody can cause them. */
function createDecisionLog(log: Logger) {
  const logLimited = createLogLimit()
  return (credential: Credential, outcome: EnrolOutcome, address: string): void => {
    switch (outcome.kind) {
      case 'issued': {
        const { id, via, serial, notAfter } = outcome
        log.info(
          { device: id, serial, via, address, expires: new Date(notAfter).toISOString() },
          'issued a certificate',
        )
        return
      }
      case 'wait':
        if (outcome.isNew)
          log.info({ ...namesOf(outcome.key), address }, 'a key waits for approval')
        return
      case 'refuse': {
        const { id, reason } = outcome
        const via = credential.kind
        logLimited([reason, id ?? '', id === null ? address : ''].join('\0'), (repeated) =>
          log.warn(
            { ...(id === null ? {} : { device: id }), via, reason, address, ...repeated },
            reason === 'certificate_superseded'
              ? 'refused a certificate that was replaced: somebody may have a copy of the key'
              : 'refused to issue a certificate',
          ),
        )
      }
    }
  }
}

const DIGITS = 16
const LONGEST_NAME = 64

/** What a person compares with "device waiting"; the name is as long as a stranger likes. */
function namesOf({ key, wanted }: WaitingKey) {
  return { key: key.slice(0, DIGITS), wanted: wanted?.slice(0, LONGEST_NAME) ?? null }
}
