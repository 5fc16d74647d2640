import type { ParseArgsOptionsConfig } from 'node:util'
import {
  environmentName,
  flagName,
  SETTING_NAMES,
  SETTINGS,
  type SettingName,
} from '../config/schema.ts'

/** A flag for every setting of `serve`. */
export const SETTING_OPTIONS: ParseArgsOptionsConfig = Object.fromEntries(
  SETTING_NAMES.map((name) => [flagName(name), { type: 'string' }]),
)

/** The settings among the flags that were given, by setting name. */
export function settingsIn(
  values: Readonly<Record<string, unknown>>,
): Partial<Record<SettingName, string>> {
  const given = SETTING_NAMES.map((name) => [name, values[flagName(name)]])
  return Object.fromEntries(given.filter(([, value]) => value !== undefined))
}

/** The settings as `--help` shows them. */
export const SETTINGS_HELP = SETTING_NAMES.map((name) => {
  const { fallback, help } = SETTINGS[name]
  return `  --${flagName(name)}, ${environmentName(name)}\n      ${help}${fallback === undefined ? '' : ` [${fallback}]`}`
}).join('\n')
