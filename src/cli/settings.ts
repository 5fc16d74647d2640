import { extname } from 'node:path'
import { describeSections } from '../config/describe.ts'
import { unknownVariables } from '../config/load.ts'
import {
  environmentName,
  flagName,
  SETTING_NAMES,
  SETTINGS,
  type SettingName,
} from '../config/schema.ts'
import type { Flag } from './arguments.ts'
import { wrap } from './help.ts'
import { nearest } from './suggest.ts'

/** A flag for each of the settings. */
export function settingFlags(names: readonly SettingName[]): Readonly<Record<string, Flag>> {
  const flags = names.map((name): [string, Flag] => {
    const { parse, help } = SETTINGS[name]
    return [flagName(name), { type: 'string', value: parse.form, help }]
  })
  return Object.fromEntries(flags)
}

/** A flag for every setting of `serve`. */
export const SETTING_FLAGS = settingFlags(SETTING_NAMES)

/** The settings among the flags that were given, by setting name. */
export function settingsIn(
  values: Readonly<Record<string, unknown>>,
): Partial<Record<SettingName, string>> {
  const given = SETTING_NAMES.map((name) => [name, values[flagName(name)]])
  return Object.fromEntries(given.filter(([, value]) => value !== undefined))
}

const FILE_FLAGS: Readonly<Record<string, SettingName>> = {
  '.acl': 'aclFile',
  '.conf': 'mosquittoConf',
}

/** The flag for a file with this name. */
export function flagForFile(path = ''): string | undefined {
  const name = FILE_FLAGS[extname(path)]
  return name && flagName(name)
}

/** Settings as `--help` shows them. */
export function settingsHelp(names: readonly SettingName[] = SETTING_NAMES): string {
  const sections = describeSections(names).map(({ title, settings }) => {
    const entries = settings.map(({ flag, variable, help, fallback }) => {
      const usual = fallback === undefined ? '' : ` (default ${fallback})`
      return `  ${flag}, ${variable}\n${wrap(help + usual, '      ')}`
    })
    return `${title}:\n${entries.join('\n')}`
  })
  return `Settings:\n\n${sections.join('\n\n')}`
}

const PREFIX = 'WOTT_'

/** Environment variables that are probably misspelt, with the likely names. */
export function suspectVariables(
  environment: NodeJS.ProcessEnv,
): { readonly variable: string; readonly meant: string | undefined }[] {
  // without the common prefix, which would make all names look similar
  const known = SETTING_NAMES.map((name) => environmentName(name).slice(PREFIX.length))
  return unknownVariables(environment).map((variable) => {
    const meant = nearest(variable.slice(PREFIX.length), known)
    return { variable, meant: meant && PREFIX + meant }
  })
}
