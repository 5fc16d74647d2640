import {
  environmentName,
  flagName,
  SCHEMA,
  SETTING_NAMES,
  SETTINGS,
  type SettingName,
} from './schema.ts'
import { sectionsIn } from './setting.ts'

/** One setting in words. */
export interface DescribedSetting {
  readonly variable: string
  /** `--device-listen HOST:PORT` */
  readonly flag: string
  readonly help: string
  /** The allowed values, to be read after "must be". */
  readonly allowed: string
  /** The text of its default; undefined where there is none. */
  readonly fallback: string | undefined
}

/** Describes settings, by default all, for help, `.env.example` and the docs. */
function describeSettings(names: readonly SettingName[] = SETTING_NAMES): DescribedSetting[] {
  return names.map((name) => {
    const { parse, fallback, help } = SETTINGS[name]
    return {
      variable: environmentName(name),
      flag: `--${flagName(name)} ${parse.form}`,
      help,
      allowed: parse.allowed,
      fallback,
    }
  })
}

/** The same in sections. */
export interface DescribedSection {
  readonly title: string
  /** The page in docs/ that explains these settings together. */
  readonly page: string
  readonly settings: readonly DescribedSetting[]
}

export function describeSections(
  names: readonly SettingName[] = SETTING_NAMES,
): DescribedSection[] {
  const wanted: ReadonlySet<string> = new Set(names)
  return sectionsIn(SCHEMA)
    .map(({ title, page, settings }) => {
      const own = settings.filter(({ name }) => wanted.has(name))
      return { title, page, settings: describeSettings(own.map(({ name }) => name as SettingName)) }
    })
    .filter(({ settings }) => settings.length > 0)
}

/** `.env.example`: every variable, what it is for and its default, commented out. */
export function toEnvExample(sections: readonly DescribedSection[]): string {
  const entries = sections.map(({ title, settings }) => {
    const lines = settings.map(
      ({ variable, help, fallback = '' }) => `# ${help}\n#${variable}=${quoted(fallback)}\n`,
    )
    return `# ---- ${title} ----\n\n${lines.join('\n')}`
  })
  return `# The settings of wott-gateway, generated from src/config/settings/. To change a setting, remove the "#" before it.
# "node --env-file=.env", Docker's --env-file and systemd's EnvironmentFile= read this format.
# For Node, put a value that contains "#" in single quotes, because "#" starts a comment. For Docker, leave the quotes out.

${entries.join('\n')}`
}

/** The settings as tables in Markdown, one for each section, below a list of the sections. */
export function toMarkdownTables(sections: readonly DescribedSection[]): string {
  const links = sections.map(({ title }) => `- [${title}](#${anchor(title)})`)
  const tables = sections.map(({ title, page, settings }) =>
    [`### ${title}`, `More in [${withoutAnchor(page)}](${page}).`, toMarkdownTable(settings)].join(
      '\n\n',
    ),
  )
  return [links.join('\n'), ...tables].join('\n\n')
}

function withoutAnchor(page: string): string {
  return page.replace(/^\.\.\//, '').replace(/#.*/, '')
}

/** The anchor that GitHub makes for a heading. */
function anchor(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-')
}

function toMarkdownTable(settings: readonly DescribedSetting[]): string {
  const rows = settings.map(({ variable, flag, help, allowed, fallback }) => {
    const shown = fallback === undefined ? '' : code(fallback)
    return `| ${code(variable)}<br>${code(flag)} | ${shown} | ${cell(help)} | ${cell(allowed)} |`
  })
  return ['| setting | default | for | must be |', '|---|---|---|---|', ...rows].join('\n')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

function code(text: string): string {
  return `\`${cell(text)}\``
}

/**
 * Quotes a value that contains "#", at which Node would cut it; a value that begins with "#" is read as the default in both
 * cases.
 */
function quoted(value: string): string {
  return /.#/.test(value) && !value.startsWith('#') ? `'${value}'` : value
}
