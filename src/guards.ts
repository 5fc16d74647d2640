import type { Logger } from 'pino'
import { createLedger, type Kind, type Ledger } from './budget/ledger.ts'
import type { Config } from './config/load.ts'
import { type Admissions, createAdmissions } from './door/admissions.ts'
import { type Arrivals, createArrivals } from './door/arrivals.ts'
import type { DoorOptions } from './door/listen.ts'
import type { Door, Meter } from './metrics/meter.ts'
import { createRateLimit } from './relay/rate-limit.ts'
import type { Sparingly } from './sparingly.ts'

/** Connections of an ops door: scrapers and probes. */
export const OPS_CONNECTIONS = 32

export interface GuardOptions {
  /** Connections of strangers that one door keeps open at most. */
  readonly maxStrangers: number
  readonly meter: Meter
  readonly sparingly: Sparingly
  readonly log: Logger
}

/** The admission of every door, whose bounds are those of the settings; reaching one is logged. */
export function createDoorGuards(
  config: Config,
  { maxStrangers, meter, sparingly, log }: GuardOptions,
): Admissions {
  const rate = config.handshakeRatePerAddress
  const settings = { ...config, maxStrangers: Math.min(config.maxStrangers, maxStrangers) }
  return createAdmissions(settings, {
    meter,
    takeOf: createRateLimit(rate, rate).take,
    onFull: (door, reason, who) =>
      sparingly(`${door}\0${reason}\0${who}`, (repeated) =>
        log.warn({ door, reason, who, ...repeated }, 'as many connections as there may be'),
      ),
  })
}

/** What comes through the load balancers of a door; undefined for a door that is behind none. */
export function createDoorArrivals(
  door: Door,
  config: Config,
  { meter, sparingly, log }: Omit<GuardOptions, 'maxStrangers'>,
): Arrivals | undefined {
  const { proxyProtocol: version, proxyProtocolFrom: from } = config
  const doors: readonly Door[] = config.proxyProtocolDoors
  if (version === 'off' || !from || !doors.includes(door)) return undefined
  return createArrivals({
    ...{ door, meter, version, from },
    timeout: config.proxyProtocolTimeout * 1000,
    maxPending: config.proxyProtocolPending,
    onRefused: (reason, address) =>
      sparingly(`proxy\0${door}\0${reason}\0${address}`, (repeated) =>
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
  { sparingly, log }: Pick<GuardOptions, 'sparingly' | 'log'>,
): NonNullable<DoorOptions['onPlain']> {
  return (protocol, address) =>
    sparingly(`plain\0${door}\0${address}`, (repeated) =>
      log.info(
        { door, protocol, address, ...repeated },
        `a client speaks plain ${protocol} to a door that wants TLS`,
      ),
    )
}

export interface MemoryGuards {
  /** For those who have said who they are. */
  readonly memory: Ledger
  /** All others together get what one device gets. */
  readonly strangers: Ledger
}

/** What is held in memory for whom; having no room for somebody is logged. */
export function createMemoryGuards(
  { memoryBytes, memoryBytesPerDevice }: Config,
  { sparingly, log }: Pick<GuardOptions, 'sparingly' | 'log'>,
): MemoryGuards {
  const noteRefused = (id: string, kind: Kind) =>
    sparingly(`memory\0${id}`, (repeated) =>
      log.warn({ id, kind, ...repeated }, 'no room in memory for more'),
    )
  const perAddress = Math.floor(memoryBytesPerDevice / 4)
  return {
    memory: createLedger({ total: memoryBytes, perOwner: memoryBytesPerDevice }, noteRefused),
    strangers: createLedger({ total: memoryBytesPerDevice, perOwner: perAddress }, noteRefused),
  }
}
