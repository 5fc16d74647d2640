import { Agent, request } from 'node:https'
import { codeOf } from '../errors.ts'
import type { DeviceClient } from './client.ts'
import { CommandFailure } from './command.ts'
import type { DevicePublisher, DevicePublishOptions } from './publisher.ts'
import { toCommandFailure } from './unreachable.ts'

const ANSWER_TIMEOUT_MS = 30_000

/** Publishes over HTTPS. */
export function overHttps(client: DeviceClient, stop?: AbortSignal): DevicePublisher {
  const { ca, cert, key, host, port } = client
  const agent = new Agent({ ca, cert, key, keepAlive: true })
  stop?.addEventListener('abort', () => agent.destroy(), { once: true })

  function send(
    topic: string,
    payload: Buffer,
    options: DevicePublishOptions,
  ): Promise<string | null> {
    const path = `/topics/${encodeURIComponent(topic)}?${queryOf(options)}`
    const headers = headersOf(options)
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS)
    const { promise, resolve, reject } = Promise.withResolvers<string | null>()
    request({ agent, host, port, path, method: 'POST', headers, signal }, async (response) => {
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
        throw toCommandFailure(error, client)
      })
      if (refused !== null) throw new CommandFailure(refused)
    },
    async [Symbol.asyncDispose]() {
      agent.destroy()
    },
  }
}

function queryOf({ qos, retain, properties, messageExpiry, time }: DevicePublishOptions): string {
  const { contentType, responseTopic } = properties ?? {}
  const values = { qos, retain, time, contentType, messageExpiry, responseTopic }
  return Object.entries(values)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
    .join('&')
}

/** The headers of AWS IoT's publishers. */
function headersOf({ properties }: DevicePublishOptions): Record<string, string> {
  const { payloadFormatIndicator, correlationData, userProperties } = properties ?? {}
  const headers: Record<string, string> = {}
  if (payloadFormatIndicator !== undefined)
    headers['x-amz-mqtt5-payload-format-indicator'] =
      payloadFormatIndicator === 1 ? 'UTF8_DATA' : 'UNSPECIFIED_BYTES'
  if (correlationData !== undefined)
    headers['x-amz-mqtt5-correlation-data'] = correlationData.toString('base64')
  if (userProperties !== undefined) {
    const objects = userProperties.map((pair) => Object.fromEntries([pair]))
    headers['x-amz-mqtt5-user-properties'] = Buffer.from(JSON.stringify(objects)).toString('base64')
  }
  return headers
}

/** The text of a problem (RFC 9457), or of any other answer. */
export function refusalIn(body: string, status: number | undefined): string {
  try {
    const { code, detail } = JSON.parse(body)
    if (typeof code === 'string' && typeof detail === 'string')
      return `refused: ${detail} (${code})`
  } catch {}
  return `refused with status ${status}; is this a wott-gateway?`
}
