import type { SettingName, Settings } from './schema.ts'
import { uplinkNames, uplinkProblems } from './uplink.ts'

type Values = Partial<Record<SettingName, unknown>>

const RELAYED = [
  'brokerIdProperty',
  'brokerSubscribe',
  'brokerSubscriptions',
  'brokerRelease',
  'brokerSettle',
  'brokerQuarantine',
]

/** What is wrong with WOTT_BROKER=mqtts://… and its settings taken together. */
export function* brokerProblems(
  { broker }: Values,
  said: ReadonlySet<string>,
  called: (name: SettingName) => string,
): Generator<string> {
  const address = broker as Settings['broker'] | undefined
  const calledAny = (name: string) => called(name as SettingName)
  const url = address?.kind === 'mqtt' ? address.urls[0] : undefined
  if (url) yield* uplinkProblems('broker', url, (name) => said.has(name), calledAny)
}

/** The settings of another broker that are not used, because messages are kept here: they may wait for the next change of WOTT_BROKER. */
export function brokerWarnings(
  { broker }: Values,
  said: ReadonlySet<string>,
  called: (name: SettingName) => string,
): string[] {
  const address = broker as Settings['broker'] | undefined
  if (address === undefined || address.kind === 'mqtt') return []
  return [...uplinkNames('broker'), ...RELAYED]
    .filter((name) => said.has(name))
    .map(
      (name) =>
        `${called(name as SettingName)} has no effect without ${called('broker')}=mqtt://… or mqtts://…`,
    )
}
