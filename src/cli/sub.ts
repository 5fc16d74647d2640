import { type Flags, readArguments, requireWords, wholeNumber } from './arguments.ts'
import { clientFlags, openClient } from './client.ts'
import type { CliCommand } from './command.ts'
import type { Arrived, Follow } from './follow.ts'
import { helpText } from './help.ts'
import { stopSignal } from './signals.ts'

const FLAGS = {
  count: { type: 'string', value: 'N', help: 'stop after N messages' },
  json: { type: 'boolean', help: 'print each message as a line of JSON, with its properties' },
  ...clientFlags('mqtt', 'subscriber'),
} as const satisfies Flags

export const sub: CliCommand = {
  help: helpText({
    usage: ['sub FILTER [OPTIONS]'],
    about: [
      'Prints "TOPIC PAYLOAD" for every message that matches FILTER and that the device may read, like mosquitto_sub -v or sub.sh of the WoTT tutorial, until it is stopped. It reconnects when the connection is lost.',
      'Put a FILTER with "#" or "+" in quotes, because these characters have a meaning in the shell.',
    ],
    flags: FLAGS,
    examples: [
      'wott-gateway sub wott/temperature',
      "wott-gateway sub 'wott/#' --count 1",
      "wott-gateway sub 'wott/#' --json | jq .properties",
      "wott-gateway sub '#' --via https --certs .wott/devices/kitchen",
    ],
  }),
  async run(args) {
    const stop = stopSignal()
    const { values, words } = readArguments(args, FLAGS)
    requireWords(words, ['FILTER'])
    const count =
      values.count === undefined ? Infinity : wholeNumber('--count', values.count, 1, 1e9)
    const client = await openClient(values, 'subscriber')
    const follow: Follow =
      client.via === 'mqtt'
        ? (await import('./follow-mqtt.ts')).followMqtt
        : (await import('./follow-https.ts')).followHttps
    const enough = new AbortController()
    let left = count
    const arrived = (message: Arrived) => {
      if (left === 0) return
      process.stdout.write(values.json ? `${message.toJson()}\n` : toLine(message))
      left -= 1
      if (left === 0) enough.abort()
    }
    const end = AbortSignal.any([stop, enough.signal])
    await follow(client, words[0] as string, arrived, end).catch((error: unknown) => {
      if (!end.aborted) throw error
    })
    return undefined
  },
}

/** As `mosquitto_sub -v` prints it, byte for byte. */
function toLine({ topic, payload }: Arrived): Buffer {
  const shown = payload.length === 0 ? Buffer.from('(null)') : payload
  return Buffer.concat([Buffer.from(`${topic} `), shown, Buffer.from('\n')])
}
