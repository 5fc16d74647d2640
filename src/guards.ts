import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import { addressOf } from './address.ts'
import { createLedger, type Kind, type Ledger } from './budget/ledger.ts'
import type { Config } from './config/load.ts'
import { type Admissions, createAdmissions } from './door/admissions.ts'
import { type Arrivals, createArrivals } from './door/arrivals.ts'
import type { DoorOptions } from './door/listen.ts'
import { PROXY_PROTOCOL } from './door/plain-text.ts'
import type { GatewayError } from './errors.ts'
import type { LiveConnection } from './identity/connection.ts'
import type { LogLimit } from './log-limit.ts'
import type { CutReason, Door, Meter } from './metrics/meter.ts'
import { namedAt } from './named.ts'
import { createRateLimit } from './relay/rate-limit.ts'

/** Connections of an ops door: scrapers and probes. */
export const OPS_CONNECTIONS = 32

export interface GuardOptions {
  /** Connections of strangers that one door keeps open at most. */
  readonly maxStrangers: number
  readonly meter: Meter
  readonly logLimited: LogLimit
  readonly log: Logger
}

/** The admission of every door, whose bounds are those of the settings; reaching one is logged. */
export function createDoorGuards(
  config: Config,
  { maxStrangers, meter, logLimited, log }: GuardOptions,
): Admissions {
  const rate = config.handshakeRatePerAddress
  const settings = { ...config, maxStrangers: Math.min(config.maxStrangers, maxStrangers) }
  return createAdmissions(settings, {
    meter,
    takeOf: createRateLimit(rate, rate).take,
    onFull: (door, reason, who) =>
      logLimited(`${door}\0${reason}\0${who}`, (repeated) =>
        log.warn(
          { door, reason, ...whoIsFull(door, reason, who), ...repeated },
          'as many connections as there may be',
        ),
      ),
  })
}

/** Strangers have only an address. */
function whoIsFull(door: Door, reason: CutReason, who: string) {
  return reason.startsWith('max_strangers') ? { address: who } : namedAt(door, who)
}

/** What comes through the load balancers of a door; undefined for a door that is behind none. */
export function createDoorArrivals(
  door: Door,
  config: Config,
  { meter, logLimited, log }: Omit<GuardOptions, 'maxStrangers'>,
): Arrivals | undefined {
  const { proxyProtocol: version, proxyProtocolFrom: from } = config
  const doors: readonly Door[] = config.proxyProtocolDoors
  if (version === 'off' || !from || !doors.includes(door)) return undefined
  return createArrivals({
    door,
    meter,
    version,
    from,
    timeout: config.proxyProtocolTimeout * 1000,
    maxPending: config.proxyProtocolPending,
    onRefused: (reason, address) =>
      logLimited(`proxy\0${door}\0${reason}\0${address}`, (repeated) =>
        log.warn(
          { door, reason, address, ...repeated },
          reason === 'untrusted'
            ? 'refused a connection that is not from a load balancer of WOTT_PROXY_PROTOCOL_FROM'
            : 'refused a connection of a load balancer for its PROXY protocol header',
        ),
      ),
  })
}

/** Says who forgets TLS. */
export function createPlainLog(
  door: Door,
  { logLimited, log }: Pick<GuardOptions, 'logLimited' | 'log'>,
): NonNullable<DoorOptions['onPlain']> {
  return (protocol, address) =>
    logLimited(`plain\0${door}\0${protocol}\0${address}`, (repeated) =>
      log.info(
        { door, protocol, address, ...repeated },
        protocol === PROXY_PROTOCOL
          ? 'a load balancer sends PROXY protocol headers to a door that does not expect them: see WOTT_PROXY_PROTOCOL and WOTT_PROXY_PROTOCOL_DOORS'
          : `a client speaks plain ${protocol} to a door that wants TLS`,
      ),
    )
}

/** Says who asked for a WebSocket and did not get one. */
export function createUpgradeLog({ logLimited, log }: Pick<GuardOptions, 'logLimited' | 'log'>) {
  return (
    door: Door,
    socket: Pick<Socket, 'remoteAddress'>,
    who: { readonly id: string } | null,
    { code: reason, message: detail }: GatewayError,
  ): void => {
    const address = addressOf(socket)
    logLimited(`upgrade\0${door}\0${reason}\0${who?.id ?? address}`, (repeated) =>
      log.warn(
        { door, ...namedAt(door, who?.id), address, reason, detail, ...repeated },
        'refused a WebSocket',
      ),
    )
  }
}

/** Says whose connection ends because its certificate is revoked, has expired or is of a CA that is gone. */
export function createDismissalLog({ logLimited, log }: Pick<GuardOptions, 'logLimited' | 'log'>) {
  return ({ id: device, door, socket }: LiveConnection, reason: string): void =>
    logLimited(`dismissed\0${door}\0${device}\0${reason}`, (repeated) =>
      log.warn(
        { device, door, address: addressOf(socket), reason, ...repeated },
        'ending a connection whose certificate no longer holds',
      ),
    )
}

export interface MemoryGuards {
  /** For those who have said who they are. */
  readonly memory: Ledger
  /** All others together get what one device gets. */
  readonly strangers: Ledger
}

/** As the HTTP doors name it. */
function ownerOf(owner: string) {
  return owner.startsWith(VIEWER) ? { viewer: owner.slice(VIEWER.length) } : { device: owner }
}

const VIEWER = 'viewer '

/** What is held in memory for whom; having no room for somebody is logged. */
export function createMemoryGuards(
  { memoryBytes, memoryBytesPerDevice }: Config,
  { logLimited, log }: Pick<GuardOptions, 'logLimited' | 'log'>,
): MemoryGuards {
  const noteRefused = (named: (owner: string) => object) => (owner: string, kind: Kind) =>
    logLimited(`memory\0${owner}`, (repeated) =>
      log.warn({ ...named(owner), kind, ...repeated }, 'no room in memory for more'),
    )
  const perAddress = Math.floor(memoryBytesPerDevice / 4)
  return {
    memory: createLedger(
      { total: memoryBytes, perOwner: memoryBytesPerDevice },
      noteRefused(ownerOf),
    ),
    strangers: createLedger(
      { total: memoryBytesPerDevice, perOwner: perAddress },
      noteRefused((address) => ({ address })),
    ),
  }
}
