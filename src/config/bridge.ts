import type { SettingName, Settings } from './schema.ts'
import { namesIn } from './setting.ts'
import { BRIDGE_SETTINGS } from './settings/bridge.ts'
import { uplinkProblems } from './uplink.ts'

const NAMES = namesIn({ bridge: BRIDGE_SETTINGS }) as SettingName[]

/** Problems of WOTT_BRIDGE and its settings in combination. */
export function* bridgeProblems(
  { broker, bridge }: Partial<Record<SettingName, unknown>>,
  changed: ReadonlySet<string>,
  called: (name: SettingName) => string,
): Generator<string> {
  const address = broker as Settings['broker'] | undefined
  const urls = bridge as Settings['bridge']
  const calledAny = (name: string) => called(name as SettingName)
  const [url] = urls ?? []
  if (url) yield* uplinkProblems('bridge', url, (name) => changed.has(name), calledAny)
  else if (!changed.has('bridge'))
    for (const name of NAMES.filter((one) => changed.has(one)))
      yield `${called(name)} has no effect without ${called('bridge')}=mqtt://… or mqtts://…`
  if (!url) return
  if (address?.kind === 'memory')
    yield `${called('bridge')} needs ${called('broker')}=file:PATH: messages that wait for the other broker must be stored`
  else if (address?.kind === 'mqtt')
    yield `${called('bridge')} needs ${called('broker')}=file:PATH: now ${called('broker')} names another broker, and messages are relayed to it`
}
