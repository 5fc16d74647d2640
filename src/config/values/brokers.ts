import { resolve } from 'node:path'
import { type BrokerUrl, parseBrokerUrls } from '../broker-url.ts'
import { type Parse, parse } from './parse.ts'

export type BrokerAddress =
  | { readonly kind: 'memory' }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'mqtt'; readonly urls: readonly BrokerUrl[] }

/** The address of the broker at the other end of a bridge. */
export const brokerUrls: Parse<readonly BrokerUrl[]> = parse(
  'URL',
  'mqtt://HOST:PORT or mqtts://HOST:PORT; several are separated by commas',
  parseBrokerUrls,
)

export const brokerAddress: Parse<BrokerAddress> = parse(
  'URL',
  'memory:, file:PATH, mqtt://HOST:PORT or mqtts://HOST:PORT (several broker addresses are separated by commas)',
  (text) => {
    if (text === 'memory:') return { kind: 'memory' }
    if (/^(redis|valkey)s?:/i.test(text))
      throw new Error(
        'must be file:PATH for one gateway, or mqtts://HOST:PORT of an MQTT broker or cluster for several (Redis is not supported: it loses acknowledged messages when its replica takes over)',
      )
    const urls = parseBrokerUrls(text)
    if (urls) return { kind: 'mqtt', urls }
    const [, rest] = /^file:\/\/([^/].*)$/.exec(text) ?? []
    if (rest !== undefined)
      throw new Error(
        `must be file:${rest} (a folder in the working directory) or file:/${rest} (an absolute path)`,
      )
    return /^file:./.test(text) ? { kind: 'file', path: resolve(text.slice(5)) } : undefined
  },
)
