import assert from 'node:assert/strict'
import type { IncomingHttpHeaders } from 'node:http'
import { describe, it } from 'node:test'
import { originProblem } from '../../src/http/origin.ts'

const host = 'gw.example:9443'
const own = { host, origin: `https://${host}` }
const foreign = { host, origin: 'https://evil.example' }
const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }

describe('a request', () => {
  for (const [what, headers] of Object.entries<IncomingHttpHeaders>({
    'a program': { host },
    'a page of the gateway': own,
    'a page of the gateway over HTTP/2': { ':authority': host, origin: own.origin },
    'a page of the gateway behind a proxy that replaces Host': {
      host: 'internal',
      origin: own.origin,
      'sec-fetch-site': 'same-origin',
    },
    'an image in a page of the gateway': { host, 'sec-fetch-site': 'same-origin' },
    'a person who types the address': { host, 'sec-fetch-site': 'none' },
    'a person who follows a link': { host, ...link, 'sec-fetch-dest': 'document' },
    'a person who follows a link in an older browser': { host, ...link },
  }))
    it(`of ${what} is accepted`, () => {
      assert.equal(originProblem(headers), null)
    })

  for (const [what, headers] of Object.entries<IncomingHttpHeaders>({
    'a page of another site': foreign,
    'a page of another site over HTTP/2': { ':authority': host, origin: foreign.origin },
    'a page of another port': { host, origin: 'https://gw.example' },
    'a page of the gateway without TLS': { host, origin: `http://${host}` },
    'a sandboxed frame or a file': { host, origin: 'null' },
    'a form of another site': { ...foreign, ...link, 'sec-fetch-dest': 'document' },
    'an image in a page of another site': {
      host,
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'no-cors',
    },
    'a page of another host of the same site': { host, 'sec-fetch-site': 'same-site' },
    'a frame in a page of another site': { host, ...link, 'sec-fetch-dest': 'iframe' },
  }))
    it(`of ${what} is refused`, () => {
      assert.equal(originProblem(headers)?.code, 'origin_denied')
    })
})
