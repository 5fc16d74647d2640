import { GatewayError } from '../../errors.ts'
import { queryOf, single } from '../query.ts'

/** The nanoseconds of each unit of timestamps, by its name. */
export const PRECISIONS = {
  v2: { ns: 1n, us: 1000n, ms: 1_000_000n, s: 1_000_000_000n },
  v1: {
    n: 1n,
    ns: 1n,
    u: 1000n,
    us: 1000n,
    µ: 1000n,
    ms: 1_000_000n,
    s: 1_000_000_000n,
    m: 60_000_000_000n,
    h: 3_600_000_000_000n,
  },
} as const

export type InfluxVersion = keyof typeof PRECISIONS

/** Parameters for the destination and the credentials, which the certificate replaces here. */
const IGNORED = {
  v2: ['org', 'orgID', 'bucket'],
  v1: ['db', 'rp', 'u', 'p', 'consistency'],
} as const

const QUERY_NAMES = {
  v2: ['precision', ...IGNORED.v2],
  v1: ['precision', ...IGNORED.v1],
} as const

/** The nanoseconds of the unit of the timestamps. Throws a refusal where the query is wrong. */
export function precisionIn(url: string, version: InfluxVersion): bigint {
  // clients of InfluxDB 2 also write to /write, with the parameters of version 2
  const known = version === 'v1' ? [...QUERY_NAMES.v1, ...IGNORED.v2] : QUERY_NAMES.v2
  const given = single(queryOf(url, known), 'precision')
  if (given instanceof GatewayError) throw given
  const units: Readonly<Record<string, bigint>> = PRECISIONS[version]
  const precision =
    given === undefined || given === '' ? 1n : Object.hasOwn(units, given) && units[given]
  if (precision) return precision
  throw new GatewayError(
    'query_invalid',
    `precision must be one of ${Object.keys(units).join(', ')}, not "${given}".`,
  )
}
