import { isUtf8 } from 'node:buffer'
import { UsageError } from '../errors.ts'
import { parseTime, TIME_FORM } from '../topic/time.ts'
import { ArgumentsError, type Flags, readArguments, requireWords } from './arguments.ts'
import { clientFlags, openClient } from './client.ts'
import { type CliCommand, say } from './command.ts'
import { helpText } from './help.ts'
import { MESSAGE_FLAGS, propertiesIn } from './message-flags.ts'
import { openPublisher } from './open-publisher.ts'

const FLAGS = {
  qos: { type: 'string', value: 'N', default: '0', help: '0 or 1' },
  retain: { type: 'boolean', help: 'publish it as a retained message' },
  time: {
    type: 'string',
    value: 'TIME',
    help: 'time of the measurement: 2026-11-24T08:00:00Z, or Unix seconds or milliseconds [now]',
  },
  ...MESSAGE_FLAGS,
  ...clientFlags('https', 'sensor'),
} as const satisfies Flags

// the maximum of WOTT_MAX_PAYLOAD
const MAX_STDIN_BYTES = 64 * 1024 * 1024

export const pub: CliCommand = {
  help: helpText({
    usage: ['pub TOPIC [MESSAGE] [OPTIONS]'],
    about: [
      'Publishes MESSAGE, or standard input byte for byte, as a device. An empty MESSAGE with --retain deletes the retained message.',
      'Exit code 1 if the gateway refuses the message or cannot be reached. With --via mqtt, only QoS 1 has an answer: a QoS 0 message that the ACL file denies is not reported.',
    ],
    flags: FLAGS,
    examples: [
      'wott-gateway pub wott/temperature 21.5',
      'wott-gateway pub wott/temperature -3.5 --qos 1 --retain',
      'wott-gateway pub camera/door --certs .wott/devices/door < picture.jpg',
      "wott-gateway pub wott/temperature '' --retain",
      'wott-gateway pub wott/temperature 21.5 --time 2026-11-24T08:00:00Z',
      'wott-gateway pub wott/climate \'{"t":21.5}\' --content-type application/json',
    ],
  }),
  async run(args) {
    const { values, words } = readArguments(args, FLAGS)
    requireWords(words, ['TOPIC'], ['MESSAGE'])
    const { qos, retain } = values
    if (qos !== '0' && qos !== '1')
      throw new ArgumentsError(`--qos must be 0 or 1, not ${JSON.stringify(qos)}`)
    const time = values.time === undefined ? null : timeOf(values.time)
    const [topic, message] = words as [string, string?]
    const { properties, messageExpiry } = propertiesIn(values)
    const client = await openClient(values, 'sensor')
    const payload = message === undefined ? await readInput() : Buffer.from(message)
    if (properties?.payloadFormatIndicator === 1 && !isUtf8(payload))
      throw new UsageError(
        'standard input is not valid UTF-8: use --payload-format bytes, or leave it out',
      )
    await using publisher = await openPublisher(client)
    await publisher.publish(topic, payload, {
      qos: qos === '1' ? 1 : 0,
      retain,
      properties,
      messageExpiry,
      time,
    })
    return undefined
  },
}

function timeOf(text: string): number {
  const time = parseTime(text)
  if (time !== null) return time
  throw new ArgumentsError(`--time must be ${TIME_FORM}, not ${JSON.stringify(text)}`)
}

async function readInput(): Promise<Buffer> {
  if (process.stdin.isTTY) say('reading the message from the keyboard; end with Ctrl-D')
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of process.stdin) {
    size += chunk.length
    if (size > MAX_STDIN_BYTES)
      throw new UsageError('standard input is larger than 64MiB, the largest possible payload')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
