import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { StringDecoder } from 'node:string_decoder'
import { setTimeout } from 'node:timers/promises'
import type { DeviceClient } from './client.ts'
import { CommandFailure, say } from './command.ts'
import { createEventStream } from './event-stream.ts'
import type { Arrived, Follow } from './follow.ts'
import { refusalIn } from './publish-https.ts'
import { toCommandFailure } from './unreachable.ts'

/** The gateway sends a comment every 20 seconds. */
const SILENCE_MS = 60_000

/** A refusal that would be repeated. */
class Refused extends CommandFailure {}

export const followHttps: Follow = async (client, filter, arrived, stop) => {
  const stream = createEventStream()
  const at = `${client.host}:${client.port}`
  for (let connected = false, lost = false; !stop.aborted; ) {
    try {
      const response = await open(client, filter, stream.lastEventId, stop)
      if (lost) say(`reconnected to ${at}`)
      connected = true
      lost = false
      const decoder = new StringDecoder()
      for await (const chunk of response as AsyncIterable<Buffer>)
        for (const { event, data } of stream.push(decoder.write(chunk))) {
          if (event === 'gap') say(JSON.parse(data).message)
          else if (event === 'message') arrived(toArrived(data))
        }
    } catch (error) {
      if (stop.aborted) break
      // a gateway that was reached before may come back
      if (!connected || error instanceof Refused) throw toCommandFailure(error, client)
    }
    stream.cut()
    if (!lost && !stop.aborted) say(`lost the connection to ${at}; reconnecting`)
    lost = true
    await setTimeout(stream.retry, null, { signal: stop }).catch(() => {})
  }
}

async function open(
  { ca, cert, key, host, port }: DeviceClient,
  filter: string,
  lastEventId: string,
  stop: AbortSignal,
): Promise<IncomingMessage> {
  const sent = request({
    host,
    port,
    path: `/stream?filter=${encodeURIComponent(filter)}`,
    agent: new Agent({ ca, cert, key }),
    headers: {
      accept: 'text/event-stream',
      ...(lastEventId === '' ? {} : { 'last-event-id': lastEventId }),
    },
    signal: stop,
    timeout: SILENCE_MS,
  }).end()
  sent.on('timeout', () => sent.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })))
  const [response]: IncomingMessage[] = await once(sent, 'response')
  if (response?.statusCode === 200) return response
  const body = Buffer.concat(await Array.fromAsync(response as IncomingMessage)).toString()
  const { statusCode = 0 } = response as IncomingMessage
  const refusal = refusalIn(body, statusCode)
  throw statusCode < 500 ? new Refused(refusal) : new CommandFailure(refusal)
}

function toArrived(data: string): Arrived {
  const { topic, payload, payloadBase64 } = JSON.parse(data)
  return {
    topic,
    payload:
      payloadBase64 === undefined ? Buffer.from(payload) : Buffer.from(payloadBase64, 'base64'),
    toJson: () => data,
  }
}
