import type { StoreInfo } from '../broker/store/sqlite-info.ts'
import type { Repair } from '../broker/store/sqlite-repair.ts'
import { UsageError } from '../errors.ts'
import { pickAction } from './actions.ts'
import { readArguments, requireWords } from './arguments.ts'
import { type CliCommand, print } from './command.ts'
import { helpText } from './help.ts'
import { askOwner, whichStore } from './store-folder.ts'

const JSON_FLAG = { type: 'boolean', help: 'one JSON object' } as const

const ACTIONS: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  info,
  repair,
}

export const store: CliCommand = {
  help: helpText({
    usage: ['store info [DIR] [--json]', 'store repair [DIR] [--json]'],
    about: [
      'Says what the store in DIR holds, whether a gateway runs with it or not. DIR is the folder of WOTT_BROKER=file:DIR; without it, that of WOTT_BROKER, else .wott/data, else data.',
    ],
    words: [
      [
        'info [DIR]',
        'messages, their bytes and times, topics, sessions, what waits for them, what is retained, and the ten devices with the most bytes',
      ],
      [
        'repair [DIR]',
        'makes a whole store of all that can be read of a damaged one, says what is lost, and leaves the damaged files in DIR/damaged-TIME; streams are told of a gap. The gateway must not run, and the disk needs room for two copies',
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
    throw new UsageError(`a gateway runs with ${directory}: stop it first`)
  const { repairStore } = await import('../broker/store/sqlite-repair.ts')
  const repaired = await repairStore(directory)
  if (values.json) print(JSON.stringify(repaired))
  else print(repaired ? repairText(repaired, directory) : `${directory}: nothing is damaged`)
}

function repairText(repaired: Repair, directory: string): string {
  const { problem, kept, damaged, holes, tables, highest, stored, aside } = repaired
  const range = ([after, before]: readonly [number, number]) =>
    before === Number.MAX_SAFE_INTEGER ? `after ${after}` : `between ${after} and ${before}`
  const isCut = highest < stored
  const lost = [
    ...(isCut
      ? [`messages after number ${highest}, up to ${stored}, and what changed with them`]
      : []),
    ...holes
      .filter(([, before]) => !(isCut && before === Number.MAX_SAFE_INTEGER))
      .map(
        (hole) => `messages with numbers ${range(hole)}, if there were any: they cannot be read`,
      ),
    ...(damaged.length > 0
      ? [`${damaged.length} messages that the disk has changed: numbers ${damaged.join(', ')}`]
      : []),
    ...tables.map((table) => `some of the table "${table}", which cannot be read`),
  ]
  return [
    `${directory}: repaired, and ${kept} messages are kept`,
    ...(problem === null ? [] : [`found: ${problem}`]),
    ...lost.map((what) => `lost: ${what}`),
    `The damaged files are in ${aside}: delete them when you need them no more.`,
  ].join('\n')
}

function toJson({ oldest, newest, ...counts }: StoreInfo, running: boolean): string {
  return JSON.stringify({ running, ...counts, oldest: toTime(oldest), newest: toTime(newest) })
}

function toText(found: StoreInfo, directory: string, running: boolean): string {
  const rows: [string, string][] = [
    ['store', `${directory}, ${running ? 'a gateway runs with it' : 'no gateway runs with it'}`],
    ['messages', `${found.entries}, ${inMiB(found.bytes)}; ${inMiB(found.fileBytes)} on the disk`],
    ['oldest', toTime(found.oldest) ?? 'none'],
    ['newest', toTime(found.newest) ?? 'none'],
    ['topics', `${found.topics}`],
    ['retained', `${found.retained}`],
    ['sessions', `${found.sessions}, ${found.queued} messages wait for them`],
    ['devices', `${found.devices}`],
    ...(found.damaged > 0
      ? [
          ['damaged', `${found.damaged} messages, see wott-gateway store repair`] as [
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
