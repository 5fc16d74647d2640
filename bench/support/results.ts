import type { Finding } from './findings.ts'

/** The output of one part. */
export interface Section {
  readonly title: string
  readonly command: string
  readonly text: string
  readonly seconds: number
  /** Why it failed; null if it succeeded. */
  readonly failed: string | null
  readonly findings: readonly Finding[]
}

export interface About {
  readonly date: string
  readonly commit: string
  readonly machine: string
  readonly versions: string
  /** The load average over a minute at the start. */
  readonly load: string
  readonly isShort: boolean
}

const METHOD = `Each server is a process on the first core, and its load generator is a process on the second core of the same machine. No network is measured. All
use TLS with client certificates (P-256). The servers in Node.js, ours and the bare ones, have the settings of the gateway's image for memory (jemalloc, and
one thread that collects garbage); nginx and Mosquitto are as Debian ships them. Each round measures all servers in turn, and a ratio compares results of the same round. A figure is the median
of all rounds; the lowest and highest are in brackets, and no round is left out. CPU is the CPU time of all threads of the server, divided by the number
of requests or messages in that time. Other programs on the same core change it less than a rate, so ratios compare CPU where a CPU figure is given.
"bare Node.js" is a server without what a gateway does (no ACL, no broker, no limits) that Node.js needs at least for the same job, measured in the
same run. The goals are those of bench/goals.ts, and medians are compared with them. Each load generator checks that every answer is the right one and that nothing is
lost. Where it sends at a steady rate, times count from when a request is due. "not shown" means that the load generator was too late to tell.`

/** bench/RESULTS.md: the method, a summary table, and the output of each part. */
export function toMarkdown(about: About, sections: readonly Section[]): string {
  const rows = sections.flatMap(({ title, failed, findings }) => [
    ...findings.map(({ what, measured, peer, ratio, floor, goal, reached }) => [
      ...[what, measured, peer, ratio, floor, goal],
      reached === 'yes' ? reached : marked(reached),
    ]),
    ...(failed === null ? [] : [[title, `**failed**: ${failed}`, '', '', '', '', marked('no')]]),
  ])
  const table = [
    ['what', 'measured', 'peer', 'ratio', 'bare Node.js', 'goal', 'reached'],
    ['---', '---', '---', '---', '---', '---', '---'],
    ...rows,
  ]
  return [
    '# Results',
    `Made by \`npm run bench -- ${about.isShort ? '--short ' : ''}--out bench/RESULTS.md\`, do not edit it by hand.`,
    `- ${about.date}, commit ${about.commit}\n- ${about.machine}\n- ${about.versions}\n- load average at the start: ${about.load}`,
    METHOD,
    table.map((cells) => `| ${cells.map(escaped).join(' | ')} |`).join('\n'),
    ...toObstacles(sections.flatMap(({ findings }) => findings)),
    ...sections.map(toSection),
  ].join('\n\n')
}

/** What prevents the goals that were missed, each obstacle with all that it prevents. */
function toObstacles(findings: readonly Finding[]): string[] {
  const missed = new Map<string, string[]>()
  for (const { what, obstacles } of findings)
    for (const obstacle of obstacles) missed.getOrInsertComputed(obstacle, () => []).push(what)
  if (missed.size === 0) return []
  const lines = [...missed].map(([obstacle, whats]) => `- **${whats.join('; ')}**: ${obstacle}`)
  return ['## Why goals are missed', lines.join('\n')]
}

function toSection({ title, command, text, seconds, failed }: Section): string {
  const ending = failed === null ? '' : `\n\n**It failed: ${failed}.**`
  return `## ${title}\n\n\`${command}\` took ${seconds.toFixed(0)} s.\n\n\`\`\`\n${text}\n\`\`\`${ending}`
}

/** Bold, so that a miss is seen at once. */
function marked(verdict: string): string {
  return verdict === '' ? '' : `**${verdict}**`
}

function escaped(cell: string): string {
  return cell.replaceAll('|', '\\|')
}
