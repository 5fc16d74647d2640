import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Call } from './client.ts'
import { examplesOf, type Operation, readDocument } from './document.ts'
import { codeOf, openSite, type Site } from './site.ts'

const document = await readDocument()
const operations = Object.values(document.paths).flatMap((path) => Object.values(path))

/** Values that an example cannot contain. */
const OTHERWISE: Record<string, (site: Site) => Promise<Call>> = {
  logIn: async ({ invite }) => ({ body: codeOf(await invite()) }),
  async replyToCommand({ client, sensor: certificate }) {
    await client.call('readCommands', { certificate })
    const topic = 'cmd/sensor.d.wott.local/a'
    const parameters = { topic, responseTopic: 'wott/a' }
    await client.call('publish', { certificate, parameters })
    const { body } = await client.call('readCommands', { certificate })
    return { parameters: { id: body.commands[0].id } }
  },
  logOut: async ({ session }) => ({ apiKey: await session() }),
}

/** The first example of every parameter, also of optional ones. */
function everyParameter({ parameters = [] }: Operation): NonNullable<Call['parameters']> {
  const known = parameters.map((parameter) => [parameter.name, examplesOf(parameter)[0]])
  return Object.fromEntries(known.filter(([, example]) => example !== undefined))
}

describe('a client that only knows openapi.json', () => {
  let site: Site
  let who: Call
  before(async () => {
    site = await openSite()
    who = { certificate: site.sensor, apiKey: await site.session() }
  })
  after(() => site[Symbol.asyncDispose]())

  // in the order of the file, where a retained reading is published first
  for (const operation of operations)
    for (const server of operation.servers ?? document.servers) {
      const { operationId } = operation
      it(`calls ${operationId} at ${server.url} ${server.variables.port?.default}`, async () => {
        for (const parameters of [everyParameter(operation), {}]) {
          const call = { server, ...who, parameters, ...(await OTHERWISE[operationId]?.(site)) }
          const { status } = await site.client.call(operationId, call)
          assert.ok(status < 300, `${status}`)
        }
      })
    }

  it('follows a topic with the Accept header of EventSource', async () => {
    const { body } = await site.client.call('readTopic', { ...who, accept: 'text/event-stream' })
    assert.match(body, /"payload":"21.5"/)
  })

  it('gets a page again only if it has changed', async () => {
    for (const id of ['getDashboard', 'getReference', 'getOpenapi', 'getAsyncapi', 'getAsset']) {
      const { headers } = await site.client.call(id, who)
      const parameters = { 'If-None-Match': `${headers.etag}` }
      assert.equal((await site.client.call(id, { ...who, parameters })).status, 304)
    }
  })
})
