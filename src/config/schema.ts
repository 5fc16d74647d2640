import {
  type Lookup,
  type Setting,
  type SettingGroup,
  type SettingsIn,
  type Shaped,
  sectionsIn,
  shape,
} from './setting.ts'
import { ACCESS_SETTINGS } from './settings/access.ts'
import { BALANCERS_SETTINGS } from './settings/balancers.ts'
import { BRIDGE_SETTINGS } from './settings/bridge.ts'
import { BROKER_SETTINGS } from './settings/broker.ts'
import { COMMANDS_SETTINGS } from './settings/commands.ts'
import { CONNECTIONS_SETTINGS } from './settings/connections.ts'
import { DOORS_SETTINGS } from './settings/doors.ts'
import { ENROL_SETTINGS } from './settings/enrol.ts'
import { FUNCTION_SETTINGS } from './settings/function.ts'
import { HTTP_SETTINGS } from './settings/http.ts'
import { INFLUX_SETTINGS } from './settings/influx.ts'
import { MEMORY_SETTINGS } from './settings/memory.ts'
import { MQTT_SETTINGS } from './settings/mqtt.ts'
import { PROCESS_SETTINGS } from './settings/process.ts'
import { PROXY_SETTINGS } from './settings/proxy.ts'
import { PUBLISHING_SETTINGS } from './settings/publishing.ts'
import { READINGS_SETTINGS } from './settings/readings.ts'
import { STREAMS_SETTINGS } from './settings/streams.ts'
import { TOPICS_SETTINGS } from './settings/topics.ts'
import { TRUST_SETTINGS } from './settings/trust.ts'

/**
 * Every setting of `serve` and `enrol`, in the shape of the configuration and in the order of help and docs: the source of types,
 * environment variables, flags, help and docs.
 */
export const SCHEMA = {
  trust: TRUST_SETTINGS,
  access: ACCESS_SETTINGS,
  topics: TOPICS_SETTINGS,
  broker: BROKER_SETTINGS,
  bridge: BRIDGE_SETTINGS,
  doors: DOORS_SETTINGS,
  proxy: PROXY_SETTINGS,
  balancers: BALANCERS_SETTINGS,
  enrol: ENROL_SETTINGS,
  connections: CONNECTIONS_SETTINGS,
  memory: MEMORY_SETTINGS,
  http: HTTP_SETTINGS,
  publishing: PUBLISHING_SETTINGS,
  influx: INFLUX_SETTINGS,
  streams: STREAMS_SETTINGS,
  commands: COMMANDS_SETTINGS,
  mqtt: MQTT_SETTINGS,
  readings: READINGS_SETTINGS,
  process: PROCESS_SETTINGS,
  function: FUNCTION_SETTINGS,
} as const

type AnySetting = SettingsIn<typeof SCHEMA>

/** What users call a setting: `deviceListen` for WOTT_DEVICE_LISTEN and --device-listen. */
export type SettingName = AnySetting['name']
/** The value of each setting by its name; `Config` has the same values in groups. */
export type Settings = {
  readonly [S in AnySetting as S['name']]: S extends Setting<string, infer T> ? T : never
}

const ALL = sectionsIn(SCHEMA).flatMap(({ settings }) => settings) as AnySetting[]

export const SETTING_NAMES = ALL.map(({ name }) => name)

/** Every setting by its name. */
export const SETTINGS = Object.fromEntries(ALL.map((one) => [one.name, one])) as {
  readonly [S in AnySetting as S['name']]: S
}

/** The values of a group, in its shape; a setting that is not in `values` has its default. */
export function shapedBy<G extends SettingGroup>(
  group: G,
  values: Readonly<Partial<Record<SettingName, unknown>>> = {},
): Shaped<G> {
  const find = (name: string): unknown => {
    if (name in values) return values[name as SettingName]
    const { derive, fallback, parse }: Setting = SETTINGS[name as SettingName]
    if (derive) return derive(lookUp)
    return fallback === undefined ? undefined : parse(fallback)
  }
  const lookUp = find as Lookup
  return shape(group, lookUp)
}

/** `deviceListen` → `WOTT_DEVICE_LISTEN` */
export function environmentName(name: SettingName): string {
  return `WOTT_${kebab(name).replaceAll('-', '_').toUpperCase()}`
}

/** `deviceListen` → `device-listen`, typed as `--device-listen` */
export function flagName(name: SettingName): string {
  return kebab(name)
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
