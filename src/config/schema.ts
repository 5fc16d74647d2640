import type { Setting } from './setting.ts'
import { BRIDGE_SETTINGS } from './settings/bridge.ts'
import { COMMANDS_SETTINGS } from './settings/commands.ts'
import { DOORS_SETTINGS } from './settings/doors.ts'
import { ENROL_DOOR_SETTINGS } from './settings/enrol.ts'
import { FUNCTION_SETTINGS } from './settings/function.ts'
import { HISTORY_SETTINGS } from './settings/history.ts'
import { IDENTITY_SETTINGS } from './settings/identity.ts'
import { INFLUX_SETTINGS } from './settings/influx.ts'
import { LIMITS_SETTINGS } from './settings/limits.ts'
import { LOAD_BALANCERS_SETTINGS } from './settings/load-balancers.ts'
import { MQTT_SETTINGS } from './settings/mqtt.ts'
import { PROCESS_SETTINGS } from './settings/process.ts'
import { PROXY_SETTINGS } from './settings/proxy.ts'
import { PUBLISHING_SETTINGS } from './settings/publishing.ts'
import { READINGS_SETTINGS } from './settings/readings.ts'
import { RELAYED_SETTINGS } from './settings/relayed.ts'
import { SESSIONS_SETTINGS } from './settings/sessions.ts'
import { STORE_SETTINGS } from './settings/store.ts'

/** Every setting of `serve` and `enrol`: the source of types, environment variables, flags, help and docs. */
export const SETTINGS = {
  ...IDENTITY_SETTINGS,
  ...STORE_SETTINGS,
  ...RELAYED_SETTINGS,
  ...BRIDGE_SETTINGS,
  ...DOORS_SETTINGS,
  ...PROXY_SETTINGS,
  ...ENROL_DOOR_SETTINGS,
  ...LOAD_BALANCERS_SETTINGS,
  ...LIMITS_SETTINGS,
  ...HISTORY_SETTINGS,
  ...COMMANDS_SETTINGS,
  ...MQTT_SETTINGS,
  ...SESSIONS_SETTINGS,
  ...PUBLISHING_SETTINGS,
  ...INFLUX_SETTINGS,
  ...READINGS_SETTINGS,
  ...PROCESS_SETTINGS,
  ...FUNCTION_SETTINGS,
} as const

export type SettingName = keyof typeof SETTINGS
export type Settings = {
  readonly [N in SettingName]: (typeof SETTINGS)[N] extends Setting<infer T> ? T : never
}

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[]

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
