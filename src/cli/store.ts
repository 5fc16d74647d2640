import type { StoreInfo } from '../broker/store/sqlite-info.ts'
import type { Repair } from '../broker/store/sqlite-repair.ts'
import { UsageError } from '../errors.ts'
import { pickAction } from './actions.ts'
import { readArguments, requireWords } from './arguments.ts'
import { type CliCommand, print } from './command.ts'
import { helpText } from './help.ts'
import { askOwner, whichStore } from './store-folder.ts'

const JSON_FLAG = { type: 'boolean', help: 'print one JSON object' } as const

const ACTIONS: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  info,
  repair,
}

export const store: CliCommand = {
  help: helpText({
    usage: ['store info [DIR] [--json]', 'store repair [DIR] [--json]'],
    about: [
      'Shows or repairs the message store in DIR, the folder in WOTT_BROKER=file:DIR. Without DIR it uses the folder in WOTT_BROKER, else .wott/data, else data.',
    ],
    words: [
      [
        'info [DIR]',
        'print the number of messages, bytes, topics, sessions, queued and retained messages, and the ten devices that use the most bytes; the gateway may be running',
      ],
      [
        'repair [DIR]',
        'make a new store from everything that can be read in a damaged one, print what is lost, and move the damaged files to DIR/damaged-TIME; streams get a gap event. The gateway must be stopped, and the disk needs free space for two copies',
      ],
    ],
    flags: { json: JSON_FLAG },
    examples: ['wott-gateway store info', 'wott-gateway store info /var/lib/wott-gateway --json'],
  }),
  async run([action, ...args]) {
    await pickAction('store', ACTIONS, action)(args)
    return undefined
  },
}

async function info(args: readonly string[]): Promise<void> {
  const { values, words } = readArguments(args, { json: JSON_FLAG })
  requireWords(words, [], ['DIR'])
  const directory = whichStore(words[0])
  const running = await askOwner<StoreInfo>(directory, 'info')
  const found =
    running ??
    (await (await import('../broker/store/sqlite-stopped.ts')).stoppedStoreInfo(directory))
  if (values.json) print(toJson(found, running !== null))
  else print(toText(found, directory, running !== null))
}

async function repair(args: readonly string[]): Promise<void> {
  const { values, words } = readArguments(args, { json: JSON_FLAG })
  requireWords(words, [], ['DIR'])
  const directory = whichStore(words[0])
  if ((await askOwner(directory, 'info')) !== null)
    throw new UsageError(`a gateway is running with ${directory}: stop it first`)
  const { repairStore } = await import('../broker/store/sqlite-repair.ts')
  const repaired = await repairStore(directory)
  if (values.json) print(JSON.stringify(repaired))
  else print(repaired ? repairText(repaired, directory) : `${directory}: no damage found`)
}

function repairText(repaired: Repair, directory: string): string {
  const { problem, kept, damaged, holes, tables, highest, stored, aside } = repaired
  const range = ([after, before]: readonly [number, number]) =>
    before === Number.MAX_SAFE_INTEGER ? `after ${after}` : `between ${after} and ${before}`
  const isCut = highest < stored
  const lost = [
    ...(isCut
      ? [`messages after number ${highest}, up to ${stored}, and the changes stored with them`]
      : []),
    ...holes
      .filter(([, before]) => !(isCut && before === Number.MAX_SAFE_INTEGER))
      .map((hole) => `messages with numbers ${range(hole)}, if there were any (unreadable)`),
    ...(damaged.length > 0
      ? [`${damaged.length} messages with a wrong checksum: numbers ${damaged.join(', ')}`]
      : []),
    ...tables.map((table) => `part of the table "${table}" (unreadable)`),
  ]
  return [
    `${directory}: repaired; ${kept} messages are kept`,
    ...(problem === null ? [] : [`found: ${problem}`]),
    ...lost.map((what) => `lost: ${what}`),
    `The damaged files are in ${aside}. You can delete them when you no longer need them.`,
  ].join('\n')
}

function toJson({ oldest, newest, ...counts }: StoreInfo, running: boolean): string {
  return JSON.stringify({ running, ...counts, oldest: toTime(oldest), newest: toTime(newest) })
}

function toText(found: StoreInfo, directory: string, running: boolean): string {
  const rows: [string, string][] = [
    ['store', `${directory}, ${running ? 'in use by a running gateway' : 'not in use'}`],
    ['messages', `${found.entries}, ${inMiB(found.bytes)}; ${inMiB(found.fileBytes)} on the disk`],
    ['oldest', toTime(found.oldest) ?? 'none'],
    ['newest', toTime(found.newest) ?? 'none'],
    ['topics', `${found.topics}`],
    ['retained', `${found.retained}`],
    ['sessions', `${found.sessions}, ${found.queued} queued messages`],
    ['devices', `${found.devices}`],
    ...(found.damaged > 0
      ? [
          ['damaged', `${found.damaged} messages; see "wott-gateway store repair"`] as [
            string,
            string,
          ],
        ]
      : []),
  ]
  const devices = found.largest.map(
    ({ device, entries, bytes }) => `  ${device ?? '(none)'}\t${entries}\t${inMiB(bytes)}`,
  )
  return [...rows.map(([name, value]) => `${name.padEnd(10)}${value}`), ...devices].join('\n')
}

function toTime(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString()
}

function inMiB(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`
}
