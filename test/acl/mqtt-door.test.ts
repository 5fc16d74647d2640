import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { after, before, it } from 'node:test'
import type { Packet } from 'mqtt-packet'
import { topicProblem } from '../../src/topic/topic.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'
import { type RawMqtt, rawConnected } from '../support/raw-mqtt.ts'
import { CASES, fileOf, type RecordedCheck } from './mosquitto-cases.ts'

const WOTT_ID = /^[A-Za-z0-9][A-Za-z0-9._-]*$/
const OBSERVER = 'observer.d.wott.local'

/** Whether a certificate can hold the user name, and a second client can cause and see the result. */
function isExpressible({ user, clientId, action, topic, needs, closed }: RecordedCheck): boolean {
  if (
    user === null ||
    user.length > 253 ||
    !WOTT_ID.test(user) ||
    clientId === '' ||
    needs ||
    closed
  )
    return false
  if (topicProblem(topic) !== null) return false
  return action === 'publish' || !/^\$(SYS|share)/.test(topic)
}

let at: TestGateway
const certificates = new Map<string, Credentials>()

before(async () => {
  at = await startGateway()
})
after(() => at[Symbol.asyncDispose]())

it('the mqtt door gives the same verdicts as a real Mosquitto', async () => {
  let asked = 0
  for (const recorded of CASES) {
    const { id, expectLoad, exactFile, checks } = recorded
    const questions = checks.filter(isExpressible)
    // adding the observer's lines would change the meaning of such a file
    if (expectLoad !== 'ok' || exactFile || questions.length === 0) continue
    await writeFile(
      at.aclFile,
      Buffer.concat([fileOf(recorded), Buffer.from(observerLines(questions))]),
    )
    await at.gateway.reload()
    const observer = await rawConnected(at, await certificateOf(OBSERVER), { clientId: 'observer' })
    observer.send(subscribe('#'), ...dollarTopics(questions).map(subscribe))
    for (let count = 0; count <= dollarTopics(questions).length; count++) await observer.next()
    const clients = new Map<string, RawMqtt>()
    try {
      for (const question of questions) {
        const client = await clientOf(question, clients)
        const answer = await ask(question, client, observer)
        asked += 1
        assert.equal(answer, question.expected, `${id}: ${JSON.stringify(question)}`)
      }
    } finally {
      for (const client of [observer, ...clients.values()]) client[Symbol.dispose]()
    }
  }
  assert.ok(asked > 500, `${asked} checks were asked`)
})

function dollarTopics(questions: readonly RecordedCheck[]): string[] {
  return [...new Set(questions.map(({ topic }) => topic))].filter((topic) => topic.startsWith('$'))
}

function observerLines(questions: readonly RecordedCheck[]): string {
  const lines = ['#', ...dollarTopics(questions)].map((topic) => `topic readwrite ${topic}\n`)
  return `\nuser ${OBSERVER}\n${lines.join('')}`
}

async function certificateOf(user: string): Promise<Credentials> {
  const known = certificates.get(user) ?? (await at.pki.issue(user))
  certificates.set(user, known)
  return known
}

async function clientOf(
  { user, clientId }: RecordedCheck,
  clients: Map<string, RawMqtt>,
): Promise<RawMqtt> {
  const key = `${user} ${clientId}`
  const client =
    clients.get(key) ?? (await rawConnected(at, await certificateOf(user ?? ''), { clientId }))
  clients.set(key, client)
  return client
}

/** Whether the message got out (publish) or arrived (receive, retained). */
async function ask(
  { action, topic, filter = topic }: RecordedCheck,
  client: RawMqtt,
  observer: RawMqtt,
): Promise<boolean> {
  if (action === 'publish') {
    await published(client, topic, 'question')
    return (await until(observer, () => published(observer, 'fence', 'fence'))).includes('question')
  }
  const retain = action === 'retained'
  if (retain) await until(observer, () => published(observer, topic, 'question', retain))
  client.send(subscribe(filter))
  await next(client, 'suback')
  if (!retain) await until(observer, () => published(observer, topic, 'question'))
  // everything to be delivered is sent before the answer to a PINGREQ
  const arrived = await pinged(client)
  client.send({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: [filter] })
  await next(client, 'unsuback')
  if (retain) await until(observer, () => published(observer, topic, '', true))
  return arrived.includes('question')
}

async function published(
  client: RawMqtt,
  topic: string,
  payload: string,
  retain = false,
): Promise<string[]> {
  client.send({ cmd: 'publish', topic, payload, qos: 1, messageId: 7, dup: false, retain })
  return next(client, 'puback')
}

/** Does `work` and returns all payloads that the observer received by its end. */
async function until(observer: RawMqtt, work: () => Promise<string[]>): Promise<string[]> {
  return [...(await work()), ...(await pinged(observer))]
}

async function pinged(client: RawMqtt): Promise<string[]> {
  const seen: string[] = []
  // retained messages are read in a few turns of the loop
  for (let round = 0; round < 3; round++) {
    client.send({ cmd: 'pingreq' })
    seen.push(...(await next(client, 'pingresp')))
  }
  return seen
}

/** The payloads that come before the next packet of this kind. */
async function next(client: RawMqtt, cmd: Packet['cmd']): Promise<string[]> {
  const payloads: string[] = []
  for (;;) {
    const packet = await client.next()
    if (packet.cmd === cmd) return payloads
    if (packet.cmd === 'publish') payloads.push(String(packet.payload))
  }
}

function subscribe(topic: string): Packet {
  return { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: 0 }] }
}
