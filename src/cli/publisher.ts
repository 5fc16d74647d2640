import { Agent, request } from 'node:https'
import { connectAsync } from 'mqtt'
import { UsageError } from '../errors.ts'
import { type Client, toUsageError } from './client.ts'

export interface Publisher extends AsyncDisposable {
  publish(topic: string, payload: Buffer, options: { qos: 0 | 1; retain: boolean }): Promise<void>
}

/** One connection that publishes as the client's device. Rejections are UsageErrors where the person can mend it. */
export async function openPublisher(client: Client): Promise<Publisher> {
  return client.via === 'mqtt' ? overMqtt(client) : overHttps(client)
}

async function overMqtt(client: Client): Promise<Publisher> {
  const { ca, cert, key, host, port } = client
  const connection = await connectAsync({
    ...{ protocol: 'mqtts', ca, cert, key, host, port },
    reconnectPeriod: 0,
  } as const).catch((error: unknown) => {
    throw toUsageError(error, client)
  })
  return {
    async publish(topic, payload, options) {
      await connection.publishAsync(topic, payload, options)
    },
    [Symbol.asyncDispose]: () => connection.endAsync(),
  }
}

function overHttps(client: Client): Publisher {
  const { ca, cert, key, host, port } = client
  const agent = new Agent({ ca, cert, key, keepAlive: true })

  async function publish(
    topic: string,
    payload: Buffer,
    { qos, retain }: { qos: 0 | 1; retain: boolean },
  ): Promise<void> {
    const path = `/topics/${encodeURIComponent(topic)}?qos=${qos}&retain=${retain}`
    const { promise, resolve, reject } = Promise.withResolvers<string | null>()
    request({ agent, host, port, path, method: 'POST' }, async (response) => {
      const body = Buffer.concat(await Array.fromAsync(response)).toString()
      resolve(response.statusCode === 200 ? null : refusalIn(body))
    })
      .on('error', reject)
      .end(payload)
    const refused = await promise.catch((error: unknown) => {
      throw toUsageError(error, client)
    })
    if (refused !== null) throw new UsageError(refused)
  }

  return {
    publish,
    async [Symbol.asyncDispose]() {
      agent.destroy()
    },
  }
}

function refusalIn(body: string): string {
  try {
    const { code, detail } = JSON.parse(body)
    return `refused: ${detail} (${code})`
  } catch {
    return `refused: ${body}`
  }
}
