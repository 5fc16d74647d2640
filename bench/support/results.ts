import type { Finding } from './findings.ts'

/** What one part has printed. */
export interface Section {
  readonly title: string
  readonly command: string
  readonly text: string
  readonly seconds: number
  /** Why it has no result; null where it has one. */
  readonly failed: string | null
  readonly findings: readonly Finding[]
}

export interface About {
  readonly date: string
  readonly commit: string
  readonly machine: string
  readonly versions: string
  /** Programs that wanted a core when it began, on average of a minute. */
  readonly load: string
  readonly isShort: boolean
}

const METHOD = `Each server is a process on the first core, its load generator one on the second, and both are on the same machine, so that no network is measured. All
speak TLS with client certificates (P-256). Servers are measured in turn, a round of each after the other, and what is compared was measured
in the same round. A figure is the median of all rounds; in brackets are the least and the most of them, and no round is left out. CPU is what the system
says that the server had, with all of its threads, divided by what it did meanwhile. It moves less than a rate when other programs want
the same core, so ratios are of CPU where it is given.`

/** bench/RESULTS.md: how it was measured, one table of everything, and then what each part has printed. */
export function toMarkdown(about: About, sections: readonly Section[]): string {
  const rows = sections.flatMap(({ title, failed, findings }) => [
    ...findings.map(({ what, measured, against, ratio }) => [what, measured, against, ratio]),
    ...(failed === null ? [] : [[title, `**failed**: ${failed}`, '', '']]),
  ])
  const table = [
    ['what', 'measured', 'goal or peer', 'ratio'],
    ['---', '---', '---', '---'],
    ...rows,
  ]
  return [
    '# Results',
    `Made by \`npm run bench -- ${about.isShort ? '--short ' : ''}--out bench/RESULTS.md\`, and not edited by hand.`,
    `- ${about.date}, commit ${about.commit}\n- ${about.machine}\n- ${about.versions}\n- load average when it began: ${about.load}`,
    METHOD,
    table.map((cells) => `| ${cells.map(escaped).join(' | ')} |`).join('\n'),
    ...sections.map(toSection),
  ].join('\n\n')
}

function toSection({ title, command, text, seconds, failed }: Section): string {
  const ending = failed === null ? '' : `\n\n**It failed: ${failed}.**`
  return `## ${title}\n\n\`${command}\` took ${seconds.toFixed(0)} s.\n\n\`\`\`\n${text}\n\`\`\`${ending}`
}

function escaped(cell: string): string {
  return cell.replaceAll('|', '\\|')
}
