import type { SettingName, Settings } from './schema.ts'
import { uplinkNames, uplinkProblems } from './uplink.ts'

/** Problems of WOTT_BRIDGE and its settings in combination. */
export function* bridgeProblems(
  { broker, bridge }: Partial<Record<SettingName, unknown>>,
  said: ReadonlySet<string>,
  called: (name: SettingName) => string,
): Generator<string> {
  const address = broker as Settings['broker'] | undefined
  const urls = bridge as Settings['bridge']
  const calledAny = (name: string) => called(name as SettingName)
  const [url] = urls ?? []
  if (url) yield* uplinkProblems('bridge', url, (name) => said.has(name), calledAny)
  else if (!said.has('bridge'))
    for (const name of [...uplinkNames('bridge'), ...BRIDGE_SETTINGS].filter((one) =>
      said.has(one),
    ))
      yield `${calledAny(name)} has no effect without ${called('bridge')}=mqtt://… or mqtts://…`
  if (!url) return
  if (address?.kind === 'memory')
    yield `${called('bridge')} needs ${called('broker')}=file:PATH: messages that wait for the other broker must be stored`
  else if (address?.kind === 'mqtt')
    yield `${called('bridge')} needs ${called('broker')}=file:PATH: now ${called('broker')} names another broker, and messages are relayed to it`
}

const BRIDGE_SETTINGS = [
  'bridgeTopics',
  'bridgeSession',
  'bridgeBit',
  'bridgeRetain',
  'bridgeIdProperty',
] as const
