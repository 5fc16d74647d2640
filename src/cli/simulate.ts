import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { UsageError } from '../errors.ts'
import { CLIENT_HELP, CLIENT_OPTIONS, openClient } from './client.ts'
import { type Command, print, readArguments, requireWords } from './command.ts'
import { openPublisher } from './publisher.ts'

const USAGE = 'wott-gateway simulate [TOPIC] [OPTIONS]'

export const simulate: Command = {
  help: `Usage: ${USAGE}

The tutorial's pub.sh: publishes a whole number from 1 to 50 to TOPIC (wott/temperature) every two
seconds until it is stopped.

Options:
  --interval S seconds between two readings [2]
  --count N    stop after N readings
${CLIENT_HELP} [https]`,
  async run(args) {
    const { values, positionals } = readArguments(args, {
      ...CLIENT_OPTIONS,
      interval: { type: 'string', default: '2' },
      count: { type: 'string', default: 'Infinity' },
    })
    requireWords(positionals, 0, 1, USAGE)
    const [topic = 'wott/temperature'] = positionals
    const interval = Number(values.interval)
    const count = Number(values.count)
    if (!(interval > 0 && interval <= 86_400))
      throw new UsageError(
        `--interval must be a number of seconds up to 86400, not "${values.interval}"`,
      )
    if (!(count > 0))
      throw new UsageError(`--count must be a number above 0, not "${values.count}"`)
    const client = await openClient(values, 'sensor', 'https')
    await using publisher = await openPublisher(client)
    const stopped = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
    for (let sent = 0; sent < count; sent++) {
      const temperature = String(randomInt(1, 51))
      print(`Sending temperature ${temperature}`)
      await publisher.publish(topic, Buffer.from(temperature), { qos: 0, retain: false })
      if (sent + 1 === count) break
      if (await Promise.race([stopped, setTimeout(interval * 1000)])) break
    }
    return undefined
  },
}
