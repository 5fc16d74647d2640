import type { Config } from '../config/load.ts'
import type { Door } from '../door-table.ts'
import { createSpoofDetector } from '../identity/proxy/spoofed.ts'
import { namedAt } from '../log/named.ts'
import type { Meter } from '../metrics/meter.ts'
import type { House } from './house.ts'

/** The options that all HTTP doors share: streams, the history, retained messages. */
export function readingOptions(config: Config, house: House) {
  const { acl, broker, catalog, denials, guards, live, reports, turns } = house
  return {
    ...guards,
    acl,
    catalog,
    denials,
    turns,
    meter: reports.meter,
    log: reports.log,
    settings: config.http,
    broker: { ...broker, log: live.log },
    hub: live.hub,
    reader: live.reader,
    trust: house.devices.trust.current,
    ...config.streams,
    stallMs: config.http.stallMs,
    onSlow: (door: Door, id: string) =>
      reports.warn(`${door}\0${id}`, { door, ...namedAt(door, id) }, 'a stream reader is too slow'),
  }
}

/** Counts requests with the proxy's identity header on every other door. */
export function createSpoofCounter(config: Config, { identityHeaderIgnored }: Meter) {
  const isSpoofed = createSpoofDetector(config.proxy.headers)
  return (door: Door) => (request: Parameters<typeof isSpoofed>[0]) => {
    if (isSpoofed(request)) identityHeaderIgnored(door)
  }
}

export type SpoofCounter = ReturnType<typeof createSpoofCounter>
