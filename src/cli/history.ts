import {
  ArgumentsError,
  type Flags,
  readArguments,
  requireWords,
  wholeNumber,
} from './arguments.ts'
import { clientFlags, openClient } from './client.ts'
import type { CliCommand } from './command.ts'
import { helpText } from './help.ts'
import { readHistory } from './history-https.ts'

const { via: _, ...CLIENT } = clientFlags('https', 'subscriber')
const FORMATS = ['ndjson', 'csv', 'json'] as const

const FLAGS = {
  since: { type: 'string', value: 'TIME', help: 'from this time on [all that is kept]' },
  until: { type: 'string', value: 'TIME', help: 'before this time [now]' },
  format: { type: 'string', value: 'HOW', default: 'ndjson', help: FORMATS.join(', ') },
  every: {
    type: 'string',
    value: 'SPAN',
    help: 'count, min, mean, max and last of the numbers in each 30s, 5m, 1h or 1d',
  },
  field: {
    type: 'string',
    value: 'NAME',
    help: 'with --every: the member of JSON payloads that is the number, such as climate.indoor',
  },
  limit: { type: 'string', value: 'N', help: 'at most N messages, or buckets' },
  newest: { type: 'boolean', help: 'newest first' },
  ...CLIENT,
} as const satisfies Flags

export const history: CliCommand = {
  help: helpText({
    usage: ['history FILTER [OPTIONS]'],
    about: [
      'Prints the messages that FILTER covers and the device may read, as far back as the gateway keeps them, or with --every what their numbers come to. What is missing is said on standard error.',
      'A TIME is so long ago (6h, 7d, 30m, 90s), 2026-11-24T08:00:00Z, or Unix seconds. Quote a FILTER with "#" or "+", which mean something to the shell.',
    ],
    flags: FLAGS,
    examples: [
      "wott-gateway history 'wott/#' --since 6h",
      'wott-gateway history wott/temperature --since 7d --every 1h --format csv',
      'wott-gateway history wott/climate --since 1d --every 5m --field temperature',
      "wott-gateway history '#' --limit 10 --newest | jq .payload",
    ],
  }),
  async run(args) {
    const { values, words } = readArguments(args, FLAGS)
    requireWords(words, ['FILTER'])
    const format = FORMATS.find((known) => known === values.format)
    if (format === undefined)
      throw new ArgumentsError(
        `--format must be ${FORMATS.join(', ')}, not ${JSON.stringify(values.format)}`,
      )
    if (values.field !== undefined && values.every === undefined)
      throw new ArgumentsError('--field goes with --every')
    const most = values.every === undefined ? 1e9 : 10_000
    const limit = values.limit === undefined ? null : wholeNumber('--limit', values.limit, 1, most)
    const client = await openClient({ ...values, via: 'https' }, 'subscriber')
    const query = {
      filter: words[0],
      from: toTime(values.since),
      to: toTime(values.until),
      order: values.newest ? 'desc' : undefined,
      every: values.every,
      field: values.field,
    }
    await readHistory(client, query, { format, limit, isBuckets: values.every !== undefined })
    return undefined
  },
}

/** `6h` as the gateway has it. */
function toTime(text: string | undefined): string | undefined {
  return text !== undefined && /^\d+[smhdw]$/.test(text) ? `-${text}` : text
}
