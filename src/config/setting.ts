import type { Parse } from './values/parse.ts'

/** A setting: its name, how its text is read, its default text (undefined: none), and what it is for. */
export interface Setting<N extends string = string, T = unknown> {
  /** Its name for users: `deviceListen` is WOTT_DEVICE_LISTEN and --device-listen. */
  readonly name: N
  readonly parse: Parse<T>
  readonly fallback: string | undefined
  readonly help: string
  /** The value if the setting is not set, from the values of others. */
  readonly derive?: (value: Lookup) => T
}

/** The value of another setting. */
export type Lookup = <T>(name: string) => T

/** A setting. `fallback` is its default, as text; undefined for none. `help` is one sentence. */
export function setting<const N extends string, T>(
  name: N,
  parse: Parse<T>,
  fallback: string,
  help: string,
): Setting<N, T>
export function setting<const N extends string, T>(
  name: N,
  parse: Parse<T>,
  fallback: undefined,
  help: string,
): Setting<N, T | undefined>
export function setting<N extends string, T>(
  name: N,
  parse: Parse<T>,
  fallback: string | undefined,
  help: string,
): Setting<N, T | undefined> {
  return { name, parse, fallback, help }
}

/** A setting that depends on others if it is not set. */
export function derived<const N extends string, T>(
  name: N,
  parse: Parse<T>,
  derive: (value: Lookup) => T,
  help: string,
): Setting<N, T> {
  return { name, parse, fallback: undefined, help, derive }
}

/** A setting without a default; `loadConfig` has to check that it is set, as it does for `aclFile`. */
export function required<const N extends string, T>(
  name: N,
  parse: Parse<T>,
  help: string,
): Setting<N, T> {
  return { name, parse, fallback: undefined, help }
}

/** Settings by the names that the code has for them. */
export interface SettingGroup {
  readonly [key: string]: Setting | Section | SettingGroup
}

/** A group with a heading in help, `.env.example` and the docs. */
export interface Section<G = SettingGroup> {
  readonly title: string
  /** The page in docs/ that explains these settings together. */
  readonly page: string
  readonly settings: G
}

/** Settings that are explained together. */
export function section<const G extends SettingGroup>(
  title: string,
  page: string,
  settings: G,
): Section<G> {
  return { title, page, settings }
}

/** The values of a group, in the same shape. */
export type Shaped<N> =
  N extends Setting<string, infer T>
    ? T
    : N extends Section<infer G>
      ? Shaped<G>
      : { readonly [K in keyof N]: Shaped<N[K]> }

/** Every setting in a group, as a union. */
export type SettingsIn<N> =
  N extends Setting<string, unknown>
    ? N
    : N extends Section<infer G>
      ? SettingsIn<G>
      : { [K in keyof N]: SettingsIn<N[K]> }[keyof N]

/** The sections of a group, each with its own settings, in the order in which they are written. */
export function sectionsIn(
  group: SettingGroup,
): { title: string; page: string; settings: Setting[] }[] {
  return Object.values(group).flatMap((node) => {
    if (!isSection(node)) return []
    const { title, page, settings } = node
    return [{ title, page, settings: ownSettings(settings) }, ...sectionsIn(settings)]
  })
}

/** The names of all settings in a group. */
export function namesIn(group: SettingGroup): string[] {
  const sections = sectionsIn(group).flatMap(({ settings }) => settings)
  return [...ownSettings(group), ...sections].map(({ name }) => name)
}

function ownSettings(group: SettingGroup): Setting[] {
  return Object.values(group).flatMap((node) => {
    if (isSetting(node)) return [node]
    return isSection(node) ? [] : ownSettings(node)
  })
}

/** The values of a group, in the shape of the group. */
export function shape<G extends SettingGroup>(group: G, value: Lookup): Shaped<G> {
  const entries = Object.entries(group).map(([key, node]) => {
    if (isSetting(node)) return [key, value(node.name)]
    return [key, shape(isSection(node) ? node.settings : node, value)]
  })
  return Object.fromEntries(entries)
}

function isSetting(node: Setting | Section | SettingGroup): node is Setting {
  return 'parse' in node
}

function isSection(node: Setting | Section | SettingGroup): node is Section {
  return 'title' in node
}
