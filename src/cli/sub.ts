import { once } from 'node:events'
import { connectAsync } from 'mqtt'
import { CLIENT_HELP, CLIENT_OPTIONS, type Client, openClient, toUsageError } from './client.ts'
import { type Command, readArguments, requireWords } from './command.ts'

const USAGE = 'wott-gateway sub FILTER [OPTIONS]'

export const sub: Command = {
  help: `Usage: ${USAGE}

The tutorial's sub.sh: prints "TOPIC PAYLOAD" for every message that FILTER covers and the device
may read, as mosquitto_sub -v does, until it is stopped.

Options:
  --count N    stop after N messages
${CLIENT_HELP} [mqtt]`,
  async run(args) {
    const { values, positionals } = readArguments(args, {
      ...CLIENT_OPTIONS,
      count: { type: 'string', default: 'Infinity' },
    })
    requireWords(positionals, 1, 1, USAGE)
    const client = await openClient(values, 'subscriber', 'mqtt')
    const stopped = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
    await followMqtt(client, positionals[0] as string, Number(values.count), stopped)
    return undefined
  },
}

async function followMqtt(
  client: Client,
  filter: string,
  count: number,
  stopped: Promise<unknown>,
): Promise<void> {
  const { ca, cert, key, host, port } = client
  const options = { protocol: 'mqtts', ca, cert, key, host, port } as const
  const connection = await connectAsync({ ...options, reconnectPeriod: 1000 }).catch((error: unknown) => {
    throw toUsageError(error, client)
  })
  const enough = Promise.withResolvers<void>()
  let left = count
  connection.on('message', (topic, payload) => {
    if (left <= 0) return
    process.stdout.write(Buffer.concat([Buffer.from(`${topic} `), payload, Buffer.from('\n')]))
    left -= 1
    if (left === 0) enough.resolve()
  })
  await connection.subscribeAsync(filter, { qos: 1 })
  await Promise.race([stopped, enough.promise])
  await connection.endAsync()
}
