import { numberName } from '../catalog/catalog.ts'
import { CatalogError, loadCatalog } from '../catalog/topics-file.ts'
import { UsageError } from '../errors.ts'
import { topicProblem } from '../topic/topic.ts'
import { pickAction } from './actions.ts'
import { ArgumentsError, readArguments, requireNoWords, requireWords } from './arguments.ts'
import { type CliCommand, print } from './command.ts'
import { helpText } from './help.ts'

const TOPICS_FILE = {
  type: 'string',
  value: 'FILE',
  help: 'the topics file [WOTT_TOPICS_FILE]',
} as const
const FLAGS = { 'topics-file': TOPICS_FILE } as const

type Action = (args: readonly string[]) => Promise<number | undefined>

const ACTIONS: Readonly<Record<string, () => Promise<Action>>> = {
  lint: async () => lint,
  explain: async () => explain,
}

export const topics: CliCommand = {
  help: helpText({
    usage: ['topics lint [OPTIONS]', 'topics explain TOPIC [OPTIONS]'],
    about: [],
    words: [
      [
        'lint',
        'print each line that cannot be loaded, as FILE:LINE:COLUMN; exit code 1 if there are any',
      ],
      ['explain', 'print which pattern applies to the topic, and its values'],
    ],
    flags: FLAGS,
    examples: ['wott-gateway topics explain sensors/kitchen/temperature'],
  }),
  async run([action, ...args]) {
    const run = await pickAction('topics', ACTIONS, action)()
    return run(args)
  },
}

/** `topics lint`: the errors in a file. */
async function lint(args: readonly string[]): Promise<number> {
  const { values, words } = readArguments(args, FLAGS)
  requireNoWords(words, 'topics-file')
  const file = whichFile(values['topics-file'])
  try {
    const { entries } = await loadCatalog(file, null)
    print(`${file}: no problems found; patterns: ${entries.length}`)
    return 0
  } catch (error) {
    if (!(error instanceof CatalogError) || error.cause) throw toUsageError(error)
    print(error.message)
    return 1
  }
}

/** `topics explain`: the pattern that applies to a topic. */
async function explain(args: readonly string[]): Promise<undefined> {
  const { values, words } = readArguments(args, FLAGS)
  requireWords(words, ['TOPIC'])
  const [topic] = words as [string]
  const problem = topicProblem(topic)
  if (problem) throw new ArgumentsError(`the topic ${problem}`)
  const file = whichFile(values['topics-file'])
  const catalog = await loadCatalog(file, null).catch((error) => {
    throw toUsageError(error)
  })
  const { entry } = catalog.of(topic)
  if (entry === null) {
    print(`no pattern in ${file} matches ${topic}`)
    return
  }
  const { pattern, silenceMs, fields } = entry
  print(`${file}:${fields[0]?.line} ${pattern}`)
  print(`silence: ${silenceText(silenceMs)}`)
  for (const field of fields) {
    const { unit, min, max, deviceClass } = field
    const known = { field: field.field, name: numberName(pattern, field, topic), unit, min, max }
    const pairs = Object.entries({ ...known, class: deviceClass })
    print(
      pairs
        .filter(([, value]) => value !== null)
        .map(([key, value]) => `${key} ${value}`)
        .join(', '),
    )
  }
}

function whichFile(given: string | undefined): string {
  const named = given ?? process.env.WOTT_TOPICS_FILE
  if (named) return named
  throw new ArgumentsError('no topics file: name it with --topics-file FILE or WOTT_TOPICS_FILE')
}

function toUsageError(error: unknown): unknown {
  return error instanceof CatalogError ? new UsageError(error.message) : error
}

function silenceText(silence: number | null | undefined): string {
  if (silence === undefined) return 'as WOTT_SILENCE says'
  return silence === null ? 'off' : `${silence / 1000} s`
}
