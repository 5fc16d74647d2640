import type { Config } from '../config/load.ts'
import { doorsWith } from '../door-table.ts'
import type { OpsDoorOptions } from '../http/ops-door.ts'
import { fatalProblem, problemsOf } from '../identity/trust-problems.ts'
import type { House } from './house.ts'
import type { OpenDoors } from './opener.ts'

/** Why something does not work; null when it does. */
export type ReasonOf = () => string | null

export interface Watched {
  readonly doors: OpenDoors
  /** The files that are followed, by their names in the metrics. */
  readonly files: Readonly<Record<string, ReasonOf>>
  /** The bridge to another broker; null without one. */
  readonly bridge: { readonly outage: ReasonOf } | null
  readonly isStopping: () => boolean
}

/** The checks of `/readyz`. */
export function createReadiness(
  config: Config,
  { broker, devices: { trust } }: Pick<House, 'broker' | 'devices'>,
  { doors, files, bridge, isStopping }: Watched,
): Pick<OpsDoorOptions, 'readiness' | 'degradation'> {
  function missingDoors(): string | null {
    const missing = doorsWith({ process: 'serve' }).filter(
      (door) => config.doors[door] !== null && !doors[door],
    )
    return missing.length === 0 ? null : `not listening: ${missing.join(', ')}`
  }

  return {
    readiness: () => ({
      doors: missingDoors(),
      broker: broker.outage(),
      certificates: fatalProblem(trust.current, Date.now()),
      draining: isStopping() ? 'the gateway is stopping' : null,
    }),
    degradation: () => ({
      store: [broker.damage()],
      broker: [broker.degraded()],
      certificates: problemsOf(trust.current, Date.now()),
      files: Object.values(files).map((reasonOf) => reasonOf()),
      ...(bridge ? { bridge: [bridge.outage()] } : {}),
    }),
  }
}
