import { createRateLimit } from '../budget/rate-limit.ts'
import type { Config } from '../config/load.ts'
import { type Admissions, createAdmissions } from '../door/admissions.ts'
import { type Arrivals, createArrivals } from '../door/arrivals.ts'
import type { DoorOptions } from '../door/options.ts'
import { PROXY_PROTOCOL } from '../door/plain-text.ts'
import type { Door } from '../door-table.ts'
import { namedAt } from '../log/named.ts'
import type { CutReason } from '../metrics/meter.ts'
import type { Reports } from '../metrics/reports.ts'

/** The most connections of an ops door: for scrapers and probes. */
export const OPS_CONNECTIONS = 32

/** The admission of every door, with its limits from the settings; reaching one is logged. */
export function createDoorGuards(
  settings: Config['connections'],
  maxStrangers: number,
  { meter, warn }: Reports,
): Admissions {
  const rate = settings.handshakeRatePerAddress
  const bounds = { ...settings, maxStrangers: Math.min(settings.maxStrangers, maxStrangers) }
  return createAdmissions(bounds, {
    meter,
    takeOf: createRateLimit(rate, rate).take,
    onFull: (door, reason, who) =>
      warn(
        `${door}\0${reason}\0${who}`,
        { door, reason, ...whoIsFull(door, reason, who) },
        'the maximum number of connections is reached',
      ),
  })
}

/** A client without an identity has only an address. */
function whoIsFull(door: Door, reason: CutReason, who: string) {
  return reason.startsWith('max_strangers') ? { address: who } : namedAt(door, who)
}

/** Connections that arrive through the load balancers of a door; undefined for a door that is behind none. */
export function createDoorArrivals(
  door: Door,
  { version, from, doors }: Config['balancers'],
  maxPending: number,
  { meter, warn }: Reports,
): Arrivals | undefined {
  const isBehind = doors.some((one) => one === door)
  if (version === 'off' || !from || !isBehind) return undefined
  return createArrivals({
    door,
    meter,
    version,
    from,
    maxPending,
    onRefused: (reason, address) =>
      warn(
        `proxy\0${door}\0${reason}\0${address}`,
        { door, reason, address },
        reason === 'untrusted'
          ? 'refused a connection that is not from a load balancer of WOTT_PROXY_PROTOCOL_FROM'
          : 'refused a connection of a load balancer for its PROXY protocol header',
      ),
  })
}

/** Logs clients that forget TLS. */
export function createPlainLog(
  door: Door,
  { logLimited, log }: Pick<Reports, 'logLimited' | 'log'>,
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
