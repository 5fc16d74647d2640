import { environmentName } from '../schema.ts'
import { beyond, type Option } from './options.ts'

/** The translation of each option, as a Markdown table. */
export function toOptionTable(options: Readonly<Record<string, Option>>): string {
  const rows = Object.entries(options).map(
    ([name, option]) => `| \`${name}\` | ${fate(name, option).replaceAll('|', '\\|')} |`,
  )
  return ['| option | becomes |', '|---|---|', ...rows].join('\n')
}

function fate(name: string, option: Option): string {
  switch (option.becomes) {
    case 'setting':
      return `\`${environmentName(option.setting)}\`; ${option.note}${beyond(name, option.setting)}`
    case 'listener':
      return option.note
    case 'switch':
      return `true: ${fate(name, option.on)}<br>false: ${fate(name, option.off)}`
    default:
      return `**${option.becomes}**: ${option.note}`
  }
}
