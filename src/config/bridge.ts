import type { SettingName, Settings } from './schema.ts'
import { uplinkProblems } from './uplink.ts'

/** What is wrong with WOTT_BRIDGE and its settings taken together. */
export function* bridgeProblems(
  { broker, bridge }: Partial<Record<SettingName, unknown>>,
  said: ReadonlySet<string>,
  called: (name: SettingName) => string,
): Generator<string> {
  const address = broker as Settings['broker'] | undefined
  const urls = bridge as Settings['bridge']
  const calledAny = (name: string) => called(name as SettingName)
  const at = urls?.[0] ?? (said.has('bridge') ? null : 'none')
  yield* uplinkProblems('bridge', at, (name) => said.has(name), calledAny)
  if (at === 'none')
    for (const name of BRIDGE_SETTINGS.filter((one) => said.has(one)))
      yield `${called(name)} has no meaning without ${called('bridge')}=mqtt://… or mqtts://…`
  else if (address?.kind === 'memory')
    yield `${called('bridge')} needs ${called('broker')}=file:PATH: what waits for the other broker has to be kept somewhere`
  else if (address?.kind === 'mqtt')
    yield `${called('bridge')} needs ${called('broker')}=file:PATH: ${called('broker')} names another broker already, which messages are relayed to`
}

const BRIDGE_SETTINGS = [
  'bridgeTopics',
  'bridgeSession',
  'bridgeBit',
  'bridgeRetain',
  'bridgeIdProperty',
] as const
