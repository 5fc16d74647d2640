import { Agent, request } from 'node:https'
import { codeOf } from '../errors.ts'
import type { Client } from './client.ts'
import { CommandFailure } from './command.ts'
import type { Publisher, PublishOptions } from './publisher.ts'
import { toFailure } from './unreachable.ts'

const ANSWER_TIMEOUT_MS = 30_000

/** Publishes over HTTPS. */
export function overHttps(client: Client, stop?: AbortSignal): Publisher {
  const { ca, cert, key, host, port } = client
  const agent = new Agent({ ca, cert, key, keepAlive: true })
  stop?.addEventListener('abort', () => agent.destroy(), { once: true })

  function send(
    topic: string,
    payload: Buffer,
    { qos, retain }: PublishOptions,
  ): Promise<string | null> {
    const path = `/topics/${encodeURIComponent(topic)}?qos=${qos}&retain=${retain}`
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS)
    const { promise, resolve, reject } = Promise.withResolvers<string | null>()
    request({ agent, host, port, path, method: 'POST', signal }, async (response) => {
      try {
        const body = Buffer.concat(await Array.fromAsync(response)).toString()
        resolve(response.statusCode === 200 ? null : refusalIn(body, response.statusCode))
      } catch (error) {
        reject(error)
      }
    })
      .on('error', reject)
      .end(payload)
    return promise
  }

  return {
    async publish(topic, payload, options) {
      const refused = await send(topic, payload, options).catch((error: unknown) => {
        if (codeOf(error) === 'ABORT_ERR')
          throw new CommandFailure(`${host}:${port} did not answer within 30 seconds`)
        throw toFailure(error, client)
      })
      if (refused !== null) throw new CommandFailure(refused)
    },
    async [Symbol.asyncDispose]() {
      agent.destroy()
    },
  }
}

/** What a problem says (RFC 9457), or whatever else was answered. */
export function refusalIn(body: string, status: number | undefined): string {
  try {
    const { code, detail } = JSON.parse(body)
    if (typeof code === 'string' && typeof detail === 'string')
      return `refused: ${detail} (${code})`
  } catch {}
  return `refused with status ${status}; is this a wott-gateway?`
}
