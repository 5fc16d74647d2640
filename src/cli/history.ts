import { parseTime, TIME_FORM } from '../topic/time.ts'
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
  since: { type: 'string', value: 'TIME', help: 'start of the time range [the oldest message]' },
  until: { type: 'string', value: 'TIME', help: 'end of the time range [now]' },
  format: { type: 'string', value: 'FORMAT', default: 'ndjson', help: FORMATS.join(', ') },
  every: {
    type: 'string',
    value: 'SPAN',
    help: 'instead of messages, print count, min, mean, max and last of the numbers in each time span: 30s, 5m, 1h, 1d',
  },
  field: {
    type: 'string',
    value: 'NAME',
    help: 'with --every: the JSON member with the number, such as climate.indoor',
  },
  limit: { type: 'string', value: 'N', help: 'stop after N messages (or time spans)' },
  newest: { type: 'boolean', help: 'newest first' },
  ...CLIENT,
} as const satisfies Flags

export const history: CliCommand = {
  help: helpText({
    usage: ['history FILTER [OPTIONS]'],
    about: [
      'Prints the messages that match FILTER and that the device may read, as far back as the gateway keeps them. With --every it prints statistics of their numbers. Standard error says if messages are missing.',
      'TIME is 6h, 7d, 30m or 90s (so long ago), 2026-11-24T08:00:00Z, or Unix seconds. Put a FILTER with "#" or "+" in quotes, because these characters have a meaning in the shell.',
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
      throw new ArgumentsError('--field needs --every')
    const most = values.every === undefined ? 1e9 : 10_000
    const limit = values.limit === undefined ? null : wholeNumber('--limit', values.limit, 1, most)
    const client = await openClient({ ...values, via: 'https' }, 'subscriber')
    const query = {
      filter: words[0],
      from: toTime('--since', values.since),
      to: toTime('--until', values.until),
      order: values.newest ? 'desc' : undefined,
      every: values.every,
      field: values.field,
    }
    await readHistory(client, query, { format, limit, isBuckets: values.every !== undefined })
    return undefined
  },
}

/** A time such as `6h` in the notation of the gateway. */
function toTime(flag: string, text: string | undefined): string | undefined {
  if (text === undefined || text === 'now' || parseTime(text) !== null) return text
  const [, ago] = /^-?(\d{1,9}[smhdw])$/.exec(text) ?? []
  if (ago !== undefined) return `-${ago}`
  throw new ArgumentsError(
    `${flag} must be 6h (so long ago; s, m, h, d or w) or ${TIME_FORM}, not ${JSON.stringify(text)}`,
  )
}
