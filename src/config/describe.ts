import { environmentName, flagName, SETTING_NAMES, SETTINGS, type SettingName } from './schema.ts'

/** One setting in words. */
export interface Described {
  readonly variable: string
  /** `--device-listen HOST:PORT` */
  readonly flag: string
  readonly help: string
  /** What the value may be, to be read after "must be". */
  readonly allowed: string
  /** The text of its default; undefined where there is none. */
  readonly fallback: string | undefined
}

/** Settings in words, every one unless told otherwise: what help, `.env.example` and the docs are made of. */
export function describeSettings(names: readonly SettingName[] = SETTING_NAMES): Described[] {
  return names.map((name) => {
    const { parse, fallback, help } = SETTINGS[name]
    return {
      variable: environmentName(name),
      flag: `--${flagName(name)} ${parse.form}`,
      ...{ help, allowed: parse.allowed, fallback },
    }
  })
}

/** `.env.example`: every variable, what it is for and its default, commented out. */
export function toEnvExample(settings: readonly Described[]): string {
  const entries = settings.map(
    ({ variable, help, fallback = '' }) => `# ${help}\n#${variable}=${fallback}\n`,
  )
  return `# The settings of wott-gateway, generated from src/config/schema.ts. Uncomment a line to change it.
# "node --env-file=.env", Docker's --env-file and systemd's EnvironmentFile= read this format.

${entries.join('\n')}`
}

/** The settings as a table in Markdown. */
export function toMarkdownTable(settings: readonly Described[]): string {
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
