import { buffer } from 'node:stream/consumers'
import { UsageError } from '../errors.ts'
import { CLIENT_HELP, CLIENT_OPTIONS, openClient } from './client.ts'
import { type Command, readArguments, requireWords } from './command.ts'
import { openPublisher } from './publisher.ts'

const USAGE = 'wott-gateway pub TOPIC [MESSAGE] [OPTIONS]'

export const pub: Command = {
  help: `Usage: ${USAGE}

Publishes MESSAGE, or what comes on standard input, as a device.

Options:
  --qos N      0 or 1 [0]
  --retain     keep it for those who subscribe later
${CLIENT_HELP} [https]`,
  async run(args) {
    const { values, positionals } = readArguments(args, {
      ...CLIENT_OPTIONS,
      qos: { type: 'string', default: '0' },
      retain: { type: 'boolean', default: false },
    })
    requireWords(positionals, 1, 2, USAGE)
    const { qos, retain } = values
    if (qos !== '0' && qos !== '1') throw new UsageError(`--qos must be 0 or 1, not "${qos}"`)
    const [topic, message] = positionals as [string, string?]
    const client = await openClient(values, 'sensor', 'https')
    const payload = message === undefined ? await buffer(process.stdin) : Buffer.from(message)
    await using publisher = await openPublisher(client)
    await publisher.publish(topic, payload, { qos: qos === '1' ? 1 : 0, retain })
    return undefined
  },
}
