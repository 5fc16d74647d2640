import { randomInt } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import {
  ArgumentsError,
  type Flags,
  readArguments,
  requireWords,
  wholeNumber,
} from './arguments.ts'
import { clientFlags, openClient } from './client.ts'
import { type CliCommand, CommandFailure, print, say } from './command.ts'
import { helpText } from './help.ts'
import { openPublisher } from './open-publisher.ts'
import { stopSignal } from './signals.ts'

const FLAGS = {
  interval: { type: 'string', value: 'S', default: '2', help: 'seconds between two readings' },
  count: { type: 'string', value: 'N', help: 'stop after N readings' },
  ...clientFlags('https', 'sensor'),
} as const satisfies Flags

const MAX_SECONDS = 86_400
const PLAINLY = { qos: 0, retain: false, properties: null, messageExpiry: null } as const

export const simulate: CliCommand = {
  help: helpText({
    usage: ['simulate [TOPIC] [OPTIONS]'],
    about: [
      'Publishes a random number from 1 to 50 to TOPIC (default wott/temperature) every two seconds until it is stopped, like pub.sh of the WoTT tutorial. A reading that fails is reported, and the next one is sent; with --count the exit code is then 1.',
    ],
    flags: FLAGS,
    examples: [
      'wott-gateway simulate',
      'wott-gateway simulate --count 2 --interval 0.5 --via mqtt',
      'wott-gateway simulate kitchen/temperature --certs .wott/devices/kitchen',
    ],
  }),
  async run(args) {
    const stop = stopSignal()
    const { values, words } = readArguments(args, FLAGS)
    requireWords(words, [], ['TOPIC'])
    const [topic = 'wott/temperature'] = words
    const interval = secondsIn(values.interval)
    const count =
      values.count === undefined ? Infinity : wholeNumber('--count', values.count, 1, 1e9)
    await using publisher = await openPublisher(await openClient(values, 'sensor'), stop)
    let failed = false
    const send = async (temperature: string) => {
      print(`Sending temperature ${temperature}`)
      try {
        await publisher.publish(topic, Buffer.from(temperature), PLAINLY)
      } catch (error) {
        if (stop.aborted) return
        if (!(error instanceof CommandFailure)) throw error
        failed = true
        say(error.message)
      }
    }
    for (let sent = 1; !stop.aborted; sent++) {
      await send(String(randomInt(1, 51)))
      if (sent === count) return failed ? 1 : 0
      await setTimeout(interval * 1000, null, { signal: stop }).catch(() => {})
    }
    return 0
  },
}

function secondsIn(text: string): number {
  const seconds = Number(text)
  if (/^\d*\.?\d+$/.test(text) && seconds > 0 && seconds <= MAX_SECONDS) return seconds
  throw new ArgumentsError(
    `--interval must be a number of seconds up to ${MAX_SECONDS}, not ${JSON.stringify(text)}`,
  )
}
