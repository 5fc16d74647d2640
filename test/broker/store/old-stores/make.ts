// Made the stores in this folder. To run it, copy it to this path in a checkout of a gateway that had no log yet:
//   node test/broker/store/old-stores/make.ts FOLDER
// It writes to FOLDER the store that the gateway leaves when it stops, and all events that it sent to a stream.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { MqttClient } from 'mqtt'
import { eventSource, mqtt } from '../../../support/clients.ts'
import { startGateway, type TestGateway } from '../../../support/gateway.ts'

const [target = ''] = process.argv.slice(2)
const work = mkdtempSync(join(tmpdir(), 'wott-old-'))
const HISTORY = 30
const ACL = `user writer.d.wott.local
topic readwrite #
user away.d.wott.local
topic readwrite #
`
const sent: { id: string; topic: string; payload: string }[] = []

async function live(n: number, act: (at: TestGateway, publish: Publish) => Promise<void>) {
  const settings = { broker: `file:${work}`, history: `${HISTORY}` }
  await using at = await startGateway({ acl: ACL, settings })
  const writer = await at.pki.issue('writer.d.wott.local')
  const client: MqttClient = await mqtt(at, writer)
  using events = await eventSource(at, writer, '/stream?filter=%23')
  await client.publishAsync('begin', `${n}`)
  const publish: Publish = async (topic, payload, qos, retain = false) => {
    await client.publishAsync(topic, payload, { qos, retain })
  }
  // retained messages come first
  const heard = (async () => {
    for (let hasBegun = false; ; ) {
      const { id = '', data } = await events.next()
      const { topic, payload } = JSON.parse(data)
      hasBegun ||= topic === 'begin'
      if (hasBegun) sent.push({ id, topic, payload })
      if (topic === 'end') return
    }
  })()
  await act(at, publish)
  await publish('end', `${n}`, 1)
  await heard
  await client.endAsync()
}

type Publish = (topic: string, payload: string, qos: 0 | 1 | 2, retain?: boolean) => Promise<void>

await live(1, async (at, publish) => {
  const away = await at.pki.issue('away.d.wott.local')
  const options = { clientId: 'away.d.wott.local/1', clean: false }
  const session = await mqtt(at, away, options)
  await session.subscribeAsync('waits/#', { qos: 1 })
  await session.endAsync()
  await publish('waits/a', 'lost from the history', 1)
  await publish('kept/a', 'lost from the history', 1, true)
  await publish('waits/kept', 'lost from the history', 1, true)
})
// as a crash would leave it
rmSync(join(work, 'history.ndjson'))
sent.length = 0
await live(2, async (_, publish) => {
  await publish('waits/b', 'forgotten by the history', 1)
  await publish('kept/b', 'forgotten by the history', 1, true)
  for (let count = 0; count < HISTORY; count++) await publish('passed', `${count}`, 0)
})
await live(3, async (_, publish) => {
  await publish('waits/c', 'same', 1)
  await publish('waits/c', 'same', 1)
  await publish('kept/c', 'in the history', 2, true)
  await publish('waits/kept-too', 'in the history', 1, true)
  for (let count = 0; count < 5; count++) await publish('reading', `${count}`, 0)
  await publish('waits/d', 'last', 2)
})
mkdirSync(target, { recursive: true })
writeFileSync(join(target, 'broker.sqlite.gz'), gzipSync(readFileSync(join(work, 'broker.sqlite'))))
copyFileSync(join(work, 'history.ndjson'), join(target, 'history.ndjson'))
writeFileSync(
  join(target, 'stream.ndjson'),
  sent.map((line) => `${JSON.stringify(line)}\n`).join(''),
)
rmSync(work, { recursive: true })
