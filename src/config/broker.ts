import type { SettingName, Settings } from './schema.ts'
import { namesIn } from './setting.ts'
import { RELAYED_SETTINGS } from './settings/relayed.ts'
import { uplinkProblems } from './uplink.ts'

type Values = Partial<Record<SettingName, unknown>>

const RELAYED = namesIn({ relayed: RELAYED_SETTINGS }) as SettingName[]

/** Problems of WOTT_BROKER=mqtts://… and its settings in combination. */
export function* brokerProblems(
  { broker }: Values,
  changed: ReadonlySet<string>,
  called: (name: SettingName) => string,
): Generator<string> {
  const address = broker as Settings['broker'] | undefined
  const calledAny = (name: string) => called(name as SettingName)
  const url = address?.kind === 'mqtt' ? address.urls[0] : undefined
  if (url) yield* uplinkProblems('broker', url, (name) => changed.has(name), calledAny)
}

/**
 * Warnings for settings of another broker, which are not used while messages are kept here. They are no error, because they may
 * be meant for a later WOTT_BROKER.
 */
export function brokerWarnings(
  { broker }: Values,
  changed: ReadonlySet<string>,
  called: (name: SettingName) => string,
): string[] {
  const address = broker as Settings['broker'] | undefined
  if (address === undefined || address.kind === 'mqtt') return []
  return RELAYED.filter((name) => changed.has(name)).map(
    (name) => `${called(name)} has no effect without ${called('broker')}=mqtt://… or mqtts://…`,
  )
}
